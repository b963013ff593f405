import type { Certificate } from '../../../consensus/finality/certificate.ts'
import type { Evidence } from '../../../consensus/finality/evidence.ts'
import type { Voter } from '../../../consensus/finality/seal.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import type { SigningKey } from '../../identity/signing-key.ts'
import type { Peers } from '../../nodes/peers.ts'
import type { Clock, Network, Random } from '../../ports.ts'
import type { GatewaySignatures } from '../../routing/gateway-signatures.ts'
import type { Anchoring } from './anchoring.ts'
import type { MembersDoor } from './epochs.ts'
import type { Signs } from './progress.ts'
import type { VoteKeyOf } from './seal-chain.ts'
import type { ReplicaDoor, ViewEvent } from './views.ts'

export interface VotedAuthority {
  readonly group: number
  readonly origin: string
  /** As it was founded. */
  readonly epoch: number
  /** As it was founded: by number, ascending, with their keys for votes. */
  readonly members: readonly Voter[]
  /** It is the directory. */
  readonly givesLeases?: boolean
}

export interface FinalityOptions {
  readonly self: number
  readonly peers: Peers
  /** All of the network: this node takes part in those that it is a founder of, and follows others when it is told to. */
  readonly authorities: readonly VotedAuthority[]
  readonly voteKeyOf: VoteKeyOf
  readonly voteKey: SigningKey
  readonly anchoring: Anchoring
  /** The disk may have lost what this node signed. */
  readonly forgetful: boolean
  readonly store: Store
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly schedule: (run: () => void) => void
  readonly sha256: (bytes: Uint8Array) => Uint8Array
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  readonly signatures: GatewaySignatures
  /** Of all records. */
  readonly rulesVersion: number
  /** A node's identity key, for what it signs as a gateway; undefined for a number that no node has. */
  readonly gatewayKeyOf: (node: number) => Uint8Array | undefined
  /** Puts ops into the node's next batch; `sync` says when all that was put is durable. */
  readonly addOps: (ops: readonly StoreOp[]) => void
  readonly sync: (done: () => void) => void
  readonly count: (name: string, labels: Record<string, string>) => void
  /** Decided, and in the directory's log: now, and not before, it may be served, cosigned and acted on. */
  readonly onFinal: (group: number, certificate: Certificate) => void
  /** To those who run the replicas. */
  readonly door: () => FinalityDoor | undefined
  /** How long a view may bring nothing on, before it is given up for the first time. Default 10,000. */
  readonly progressMs?: number
  /** A member has contradicted itself. */
  readonly onEvidence: (evidence: Evidence) => void
  readonly log: (event: 'finality-stopped' | 'view-suspected' | 'forged' | ViewEvent, facts: object) => void
}

/** What finality asks of those who run the replicas. */
export interface FinalityDoor extends ReplicaDoor, MembersDoor {
  /** How far this node's replica has come; undefined where none runs. */
  signs(group: number): Signs | undefined
  /** The members have decided the log up to this size: what lies beyond may still fall off. */
  decided(group: number, size: number): void
  /** Who leads its Raft instance, as far as this node knows; 0 for nobody. */
  leader(group: number): number
}

/** How far an authority's members have decided, as this node knows. */
export interface FinalityStatus {
  readonly certifiedHeight: number
  readonly finalHeight: number
  /** Leaves under the final seal. */
  readonly finalSize: number
  /** This node may have voted in the present view and not know it any more: it has no vote in it. */
  readonly hasForgotten: boolean
}
