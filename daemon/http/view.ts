import type { StateProofAnswer } from '../hosting/state-proofs.ts'
import type { DirectoryStatusView } from './directory-view.ts'

/**
 * What the HTTP API (and the terminal's status) reads from a node: the composition root implements it. Reading is
 * cheap and has no effect; everything here is public, but for what `discloses` decides on.
 */
export interface NodeView {
  status(): StatusView
  /** Nodes of the network that this one knows, itself among them, by number. */
  nodes(): NodeAdvertView[]
  /** Connections of this node. */
  peers(): PeerView[]
  /** Every authority in the genesis file; counts are as of this node's own replica where it hosts one. */
  authorities(): AuthorityView[]
  /** @param name as `area/0231`, or the log's origin */
  authority(name: string): AuthorityView | undefined
  /**
   * An entity by the authority's name: as the owner has it now, or as this node's own replica has it, which may lag. Bytes
   * of 16 are an entity's id, of 32 a player's key. Undefined where only another node could tell, and `local` was asked for.
   */
  read(authority: string, target: Uint8Array, consistency: Consistency): Promise<ReadView | undefined>
  /**
   * Whether bodies and states of this authority are for whoever shows this grant (base64), or none. Checkpoints, tiles and
   * leaves are everybody's.
   */
  discloses(origin: string, grant: string | undefined): boolean
  /** The log of an authority that this node hosts. */
  log(origin: string): LogView | undefined
  /** The newest final certificate of an authority that this node is a member of. */
  certificate(origin: string): Uint8Array | undefined
  /** The certificates that activated the epochs after the first, in order. */
  activations(origin: string): Uint8Array[]
  /** The network as its directory has it; undefined until this node has heard of that. */
  directory(): DirectoryStatusView | undefined
  /** Proof of what others did, the oldest first. */
  evidence(): EvidenceView[]
  /** Its file. */
  evidenceFile(id: string): string | undefined
  /**
   * What an authority's state had at a final seal, proven: of an entity (16 bytes) or a player (32). Undefined where this
   * node is no member.
   */
  stateProof(
    origin: string,
    target: Uint8Array,
    height: number | undefined,
  ): Promise<StateProofAnswer> | undefined
  /** Why the node cannot serve yet or any more, one sentence each; none when it is ready. */
  notReady(): string[]
}

export interface EvidenceView {
  readonly id: string
  /** `two-faces`, `rival-votes`, `hidden-vote` or `rival-contents`. */
  readonly kind: string
  readonly origin: string
  /** Numbers of nodes that are proven to lie. With none, one of the `signers` does. */
  readonly accused: readonly number[]
  readonly signers: readonly number[]
  /** Of two faces the smaller size, of votes epoch/view/height. */
  readonly place: string
  /** Wall-clock milliseconds since 1970, when this node kept it. */
  readonly keptAtMs: number
}

export type Consistency = 'linearizable' | 'local'

export type ReadView =
  | {
      readonly kind: 'state'
      readonly state: {
        readonly entity: Uint8Array | undefined
        readonly size: number
        readonly tick: number
        readonly byLease: boolean
      }
    }
  | { readonly kind: 'busy' | 'unavailable'; readonly retryAfterMs: number }
  | { readonly kind: 'refused'; readonly code: string }

export interface StatusView {
  readonly network: string
  /** Hex. */
  readonly genesisHash: string
  readonly number: number
  readonly peerId: string
  readonly operator: string
  readonly version: string
  readonly protocol: { readonly min: number; readonly max: number }
  readonly rulesVersion: number
  readonly tickMs: number
  /** Wall-clock milliseconds since 1970. */
  readonly startedAtMs: number
  readonly uptimeMs: number
  readonly sessions: number
  readonly peers: number
  readonly hosted: number
  readonly led: number
  readonly httpUrl: string
  readonly gatewayUrl: string
  readonly listen: readonly string[]
  readonly reach: ReachView
  /** null in the first moment. */
  readonly resources: ResourcesView | null
  /** How far its clock is behind what most others agree on; negative: ahead; null while too few are heard. */
  readonly clockBehindMs: number | null
}

/**
 * What the node's own process uses and what is there for it (daemon/directory/shares.ts): cpu in thousandths of a core, memory and
 * disk in MiB, bandwidth in kbit/s of the busier way.
 */
export type ResourcesView = Readonly<
  Record<'cpu' | 'memory' | 'disk' | 'bandwidth', { readonly used: number; readonly given: number }>
>

/** How others reach the node (daemon/network/reach). */
export interface ReachView {
  readonly verdict: 'unknown' | 'public' | 'private'
  /** As others see the port that it dials from. */
  readonly observed: readonly string[]
  /** Whether others see different ones, so that no hole can be punched; null before two have said. */
  readonly portsDiffer: boolean | null
  /** At which others could dial it, of those that were tried. */
  readonly confirmed: readonly string[]
  readonly candidates: readonly string[]
  /** That a router maps to it (UPnP). */
  readonly mapped: readonly string[]
  /** By way of relays. */
  readonly relayed: readonly string[]
  /** Nodes that have a place at this one. */
  readonly served: number
}

export interface NodeAdvertView {
  readonly number: number
  readonly peerId: string
  readonly operator: string
  readonly alive: boolean
  /** Milliseconds since this node last heard of it; null: never. */
  readonly lastSeenMs: number | null
  /** As `ws://host:port` and `http://host:port`; null while unknown. */
  readonly gatewayUrl: string | null
  readonly httpUrl: string | null
  /** Names of the authorities that it leads, as far as this node knows. */
  readonly leads: readonly string[]
}

export interface PeerView {
  /** 0: not a node of the genesis file. */
  readonly number: number
  readonly peerId: string
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** By way of another node. */
  readonly relayed: boolean
  readonly connectedMs: number
  /** null: not measured yet. */
  readonly roundTripMs: number | null
  /** Of its program, as it says. */
  readonly version: string
}

export type Role = 'leader' | 'follower' | 'candidate' | 'learner' | 'unknown'

export interface MemberView {
  readonly number: number
  readonly role: Role
  /** Verifies its signatures on this log's checkpoints (C2SP signed-note). */
  readonly vkey: string
  /** Verifies its cosignatures of what it has decided (C2SP tlog-cosignature). */
  readonly cosigner: string
}

export interface QueueView {
  readonly length: number
  readonly dropped: number
}

/** This node's disk was lost, and its replica does not vote yet. */
export interface RejoiningView {
  /** `silent`: until all other voters have said where they are. `catching-up`: until its log holds what theirs do. */
  readonly phase: 'silent' | 'catching-up'
  /** Numbers of the voters that have not said where they are. */
  readonly waitsFor: readonly number[]
  /** How far Raft's log is here, and how far it has to be; 0 while it is silent. */
  readonly index: number
  readonly goal: number
}

export interface AuthorityView {
  /** As `area/0231`. */
  readonly name: string
  readonly origin: string
  readonly group: number
  readonly kind: string
  /** The newest that this node knows of, and who decides in it. */
  readonly epoch: number
  readonly view: number
  readonly term: number
  /** Node number; 0 while there is none that this node knows. */
  readonly leader: number
  readonly members: readonly MemberView[]
  /** Whether this node has a replica. What follows is zero or empty where it has none. */
  readonly hosted: boolean
  /** Leaves committed here, and leaves under the last seal. */
  readonly size: number
  readonly sealedSize: number
  readonly sealHeight: number
  /** The seal up to which a quorum of the members has decided, and the one up to which that is anchored: it is final. */
  readonly certifiedHeight: number
  readonly finalHeight: number
  /** Leaves under the final seal: what is above is committed only. */
  readonly finalSize: number
  /** Hex; empty before the first seal. */
  readonly checkpointRoot: string
  readonly stateRoot: string
  readonly entities: number
  readonly players: number
  /** Inputs applied since the log began, taken and refused. */
  readonly actions: number
  readonly awake: boolean
  readonly tick: number
  readonly quadkey: string
  readonly xMm: number
  readonly yMm: number
  readonly sideMm: number
  /** null: it takes part as ever, or is not here. */
  readonly rejoining: RejoiningView | null
  readonly queues: {
    readonly input: QueueView
    readonly intent: QueueView
    readonly simulation: QueueView
    readonly output: QueueView
  }
}

/** What anybody may know of one leaf. */
export interface PublicLeaf {
  /** As the merkle log hashes it (storage/log/record.ts). */
  readonly data: Uint8Array
  /** null when the authority does not disclose it, or this node has dropped it. */
  readonly bodyBytes: number | null
  /** This node does not have the body any more, or not yet; others may. */
  readonly dropped: boolean
}

/** One log, up to its last published checkpoint. What lies above is undefined, like what is not there. */
export interface LogView {
  /** Leaves under the published checkpoint; 0 before the first. */
  readonly size: number
  /** A C2SP tlog-checkpoint (signed note). */
  checkpoint(): Promise<string | undefined>
  /** @param width hashes wanted, 1 to 256. Returns width × 32 bytes. */
  tile(level: number, index: number, width: number): Promise<Uint8Array | undefined>
  /** An entry bundle of C2SP tlog-tiles: per leaf u16 length ‖ leaf data. */
  entries(index: number, width: number): Promise<Uint8Array | undefined>
  /** Those with `from ≤ leaf < to`; fewer where the log is shorter. */
  leaves(from: number, to: number): Promise<PublicLeaf[]>
  /** Our own: per leaf salt (16) ‖ u32 length ‖ body. Undefined also when one of them is not disclosed, or was dropped. */
  bodies(index: number, width: number): Promise<Uint8Array | undefined>
  /** The first leaf from this one on whose body this node has not dropped: the leaf itself, mostly. */
  bodiesFrom(leaf: number): Promise<number>
  /** Which bodies and states this node has: bodies of all leaves from `bodiesFrom` on, states of these sizes, ascending. */
  kept(): Promise<{ readonly bodiesFrom: number; readonly snapshots: readonly number[] }>
  /** A piece of the state that the log had led to at a size, as the disk has it. */
  snapshot(size: number, piece: 'manifest' | number): Promise<Uint8Array | undefined>
  /** The members' decision on the log as it is shown. */
  readonly certificate: Uint8Array | undefined
  /** The first of their decisions that was kept and covers a leaf: one a minute is, and the newest. */
  certificateOver(leaf: number): Promise<Uint8Array | undefined>
  /** A C2SP tlog-proof of a leaf under the checkpoint. */
  proof(leaf: number): Promise<string | undefined>
  /** Body of the log's first leaf: canonical JSON of the authority's charter. */
  charter(): Uint8Array | undefined
}
