import type { Network as HandoverNetwork } from '../../consensus/handover/handovers.ts'
import type { LogRecord } from '../../storage/log/record.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import type { AppliedEntry, AppliedSeal, Replica } from '../authority/replica.ts'
import type { Renewals } from '../directory/renewals.ts'
import type { SigningKey } from '../identity/signing-key.ts'
import type { Peers } from '../nodes/peers.ts'
import type { Clock, Network, Random } from '../ports.ts'
import type { DecidedPoint } from './decided.ts'
import type { LogCosigning } from './log-view.ts'
import type { HostedAuthority } from './opening.ts'
import type { KeepBodies } from './retention.ts'

export interface EngineOptions {
  /** This node's number. */
  readonly self: number
  /** Every other node. */
  readonly peers: Peers
  /** All of the network: this node keeps replicas of those that it is a member of. */
  readonly authorities: readonly HostedAuthority[]
  /** Who asked this node for a lease, for the directory's ticks while it leads that. */
  readonly renewals?: Renewals
  /** More of this authority's log is final, on this node's disk, and shown to strangers. */
  readonly onShown?: (group: number) => void
  readonly logKey: SigningKey
  readonly store: Store
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly schedule: (run: () => void) => void
  readonly sha256: (bytes: Uint8Array) => Uint8Array
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  /** What proves one authority's words to another; without it nothing changes its owner. */
  readonly handovers?: HandoverNetwork
  readonly heartbeatMs: number
  readonly electionMs: number
  /** Reads rest on the clock where they can (consensus/groups). */
  readonly leaseReads: boolean
  /** Raft keeps one to two times as many in its log; a follower that missed more of them catches up. */
  readonly recordsBetweenSnapshots?: number
  /** A replica that missed more than these takes over a snapshot. */
  readonly recordsReplayed?: number
  /** Which records' bodies are kept here; all when nothing is said. */
  readonly keepBodies?: KeepBodies
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: 'role' | 'caught-up' | 'bad-chunk', facts: object) => void
  /** The members vote on what is committed, and change views. Default: they don't. */
  readonly views?: ViewsOfMembers
  /** A replica of ours has executed a seal. What is returned goes into the same batch. */
  readonly onSeal?: (group: number, seal: AppliedSeal) => readonly StoreOp[]
  /** The height of the highest seal that the members of an authority have decided. */
  readonly certifiedHeight?: (group: number) => number | undefined
  /** Up to where they have decided, and the directory has it. */
  readonly final?: (group: number) => DecidedPoint | undefined
  /** How the checkpoints of an authority's log are cosigned by its members. */
  readonly cosigning?: (group: number) => LogCosigning
  /** A replica of ours knows who leads. */
  readonly onLeader: (name: string, node: number) => void
  /** Node numbers of those who may lead an authority from now on: its members are being changed. */
  readonly onMembers: (name: string, members: readonly number[]) => void
  /** One authority stopped here for good: its state diverged or its records are damaged. */
  readonly onHalted: (name: string, error: Error) => void
  /** The disk failed: nothing more is acknowledged by this node. */
  readonly onStoreFailure: (error: Error) => void
}

/** What finality knows of replicas; see finality/views.ts. */
export interface ViewsOfMembers {
  /** What is decided is final only when the directory's certified log has it: that one seals as soon as it does. */
  readonly waitsForAnchors: boolean
  /** This node votes on what the replica executes: until that is decided, it may fall off. */
  votesOn(group: number): boolean
  /** Leaves that the members have decided, as far as this node knows; undefined where nobody votes. */
  decidedSize(group: number): number | undefined
  /** The replica's Raft instance is over, or not this one, and the next one has not begun: it is not to be opened now. */
  isHeldBack(group: number, instance?: { readonly epoch: number; readonly view: number }): boolean
  /** A change of views brings the replica on, and enters with what fell off it: nobody else is to open it. */
  bringsOn(group: number): boolean
  /** From now on this node learns what the members of this authority decide. @throws FinalityDiskError */
  follow(group: number): Promise<void>
  /** An order of who shall be a member has come. */
  ordered(group: number): void
  /** Who decides now, node numbers, ascending; undefined when this node does not follow the authority. */
  membersOf(group: number): readonly number[] | undefined
  /** The same of one epoch; undefined where this node was never shown how it began. */
  membersIn(group: number, epoch: number): readonly number[] | undefined
  /** The certificates that activated the epochs after this one, in order. */
  activationsAfter(group: number, epoch: number): readonly Uint8Array[]
  /** Everybody who was a member by what was decided. */
  everMembersOf(group: number): readonly number[]
  /** An input for this authority has waited for a while on this node. */
  waits(group: number): void
  /** The replica takes part from now on, with what the disk has. */
  opened(group: number, replica: Replica): void
  /** It has applied an entry. */
  applied(group: number, entry: AppliedEntry): void
  /** Of records that fell off its log, those that may be proposed again. */
  attested(group: number, records: readonly LogRecord[]): Promise<readonly LogRecord[]>
}
