/** What the directory keeps. Rows are changed in place, and the table that holds one is told of it. */

export const NODE_STATUSES = ['admitted', 'active', 'leaving', 'retired', 'banned'] as const
/**
 * `admitted`: may open a session. `active`: has done so. `leaving`: gets nothing more to hold, and is `retired` once it holds
 * nothing. `banned`: nothing of it is taken.
 */
export type NodeStatus = (typeof NODE_STATUSES)[number]

/** What a node says of itself when it is admitted, as in a genesis file. Keys have 32 bytes. */
export interface NodeFacts {
  /** Ed25519: inside its peer id. */
  readonly identity: Uint8Array
  readonly operator: string
  readonly addresses: readonly string[]
  readonly vote: Uint8Array
  readonly cosign: Uint8Array
  readonly log: Uint8Array
  /** The identity's signature over the other three keys (64 bytes). */
  readonly endorsement: Uint8Array
}

export interface NodeRecord extends NodeFacts {
  readonly number: number
  addresses: readonly string[]
  status: NodeStatus
  /** It founded the network, or the operators admitted it. */
  readonly isVouched: boolean
  /** The node that brought it in, 0 when it is vouched for. */
  readonly sponsor: number
}

/** How a node has been, from logged facts only. */
export interface Presence {
  isHeard: boolean
  /** Directory time of the tick record that last renewed its lease. */
  renewedMs: number
  /** 8 bytes: what it asked for that renewal with. */
  nonce: Uint8Array
  /** Since when it has been heard without a silence, or was admitted. */
  sinceMs: number
  /** Of the last order that gave it a replica or took one away. */
  movedMs: number
  /** Since it was first heard, and how much of that it had a lease. */
  knownMs: number
  leasedMs: number
  /** World blocks in which it was a member of what was anchored, and those in which it signed some of it. */
  expectedBlocks: number
  signedBlocks: number
  /** Inputs of this node that only a fault could have made. */
  invalidProposals: number
  /** Since the last block: inputs that came to nothing. */
  idleInputs: number
  /** Of the block that is to come. */
  isExpected: boolean
  hasSigned: boolean
}

/** As a capacity: thousandths of a core, MiB, MiB and kbit/s, 0 where nobody knows. As a load: thousandths of that capacity. */
export interface Resources {
  readonly cpu: number
  readonly memory: number
  readonly disk: number
  readonly bandwidth: number
}

export interface RoundTrip {
  readonly node: number
  readonly ms: number
}

/** What a node reported last of each. */
export interface NodeReport {
  reportedMs: number
  version: string
  incarnation: number
  /** What the owner gives, and what is used of it. */
  capacity: Resources
  load: Resources
  /** By node, ascending. */
  roundTrips: readonly RoundTrip[]
}

export const AUTHORITY_KINDS = ['directory', 'area', 'org'] as const
export type AuthorityKind = (typeof AUTHORITY_KINDS)[number]

export interface Voter {
  readonly node: number
  /** Its key for votes, 32 bytes. */
  readonly key: Uint8Array
}

/** Who shall be the members, as `Engine.changeMembers` takes it. */
export interface Order {
  /** Of the decision: a later one replaces it. */
  readonly number: number
  /** The preferred leader first, then its vice. */
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  /** Who may belong to it until the change is done. */
  readonly before: readonly number[]
}

export interface Place {
  readonly xMm: number
  readonly yMm: number
}

/** An area's charter (world/charter.ts) without the name, which is `area/` and the quadkey. */
export interface AreaFacts {
  readonly quadkey: string
  readonly xMm: number
  readonly yMm: number
  readonly sideMm: number
  readonly spawns: readonly Place[]
  readonly seed: number
  readonly resourceCount: number
  readonly npcCount: number
  readonly capacity: number
}

export interface AuthorityRecord {
  readonly group: number
  readonly kind: AuthorityKind
  readonly name: string
  readonly birth: number
  readonly area: AreaFacts | undefined
  /** 0 until it has its first members. */
  epoch: number
  /** No epoch above this one can have begun, whatever certificates are still to come: each change of members takes an order. */
  lastEpoch: number
  /** Of that epoch, by node, ascending. */
  members: readonly Voter[]
  /** The same nodes: the preferred leader first, then its vice. */
  leading: readonly number[]
  /** Who follows beside them, as the last order that was carried out said. */
  learners: readonly number[]
  /** The newest last. The first may be the one that was carried out last; any of the others may still be. */
  orders: readonly Order[]
  /** Directory time of the newest one, or of the members' last change. */
  orderedMs: number
  /** Fewer than a quorum of its members are left: these hold it (none: it is dark). */
  lost: readonly number[] | undefined
}

/** The newest certificate of an authority that is anchored. */
export interface Anchor {
  readonly epoch: number
  readonly view: number
  readonly height: number
  /** Of the seal, which is the certificate's. */
  readonly hash: Uint8Array
  /** The log's size and root just after the seal. */
  readonly size: number
  readonly root: Uint8Array
}

export interface AnchorRow {
  anchor: Anchor
  /** The log's size as the last world block had it. */
  blockSize: number
}

/** What an authority has to do. */
export interface Load {
  readonly players: number
  readonly awake: number
  /** Inputs a second in each quarter, in the order of quadkey digits. */
  readonly inputs: readonly [number, number, number, number]
  /** Nodes through which its players play, the one with the most first, at most `MAX_GATEWAYS`. */
  readonly gateways: readonly number[]
}

/** What a node that was asked holds. */
export interface Answer {
  readonly node: number
  /** A place in the log up to which it has it, that a quorum has prepared or certified; undefined: none that counts. */
  readonly held: Anchor | undefined
}

export const REFORMING_PHASES = ['asking', 'begun'] as const

/** An authority that lost its quorum is being re-formed. Kept until something of the new epoch is anchored. */
export interface Reforming {
  readonly group: number
  phase: (typeof REFORMING_PHASES)[number]
  /** Which is to begin: whoever was asked signs nothing below it any more. */
  readonly epoch: number
  /** Directory time: when they were asked, or when the epoch began. */
  sinceMs: number
  /** Ascending. Everybody who may vote in an epoch below, and others who may hold it. */
  asked: readonly number[]
  /** By node, ascending. */
  answers: readonly Answer[]
  /** The last epoch that did not begin by re-forming, or in which something is anchored: answers may be proven by it. */
  voting: { readonly epoch: number; readonly members: readonly Voter[] }
  /** Where the epoch begins; while `asking` where the one before did, if that too was begun by re-forming and nothing of it is anchored. */
  base: Anchor | undefined
}

/** What a member reported last of an authority that it leads. */
export interface AuthorityLoad extends Load {
  readonly node: number
  readonly reportedMs: number
}

export interface NamedKey {
  readonly name: string
  readonly key: Uint8Array
}

/** Who may command: more than half of the operators; and who may re-form a lost directory: `threshold` of the recovery keys. */
export interface Operators {
  readonly operators: readonly NamedKey[]
  readonly recovery: { readonly keys: readonly Uint8Array[]; readonly threshold: number }
}

export const ADMISSIONS = ['open', 'operators'] as const

export interface Policy {
  /** `open`: any active node may bring one in. */
  readonly admission: (typeof ADMISSIONS)[number]
  readonly replicas: number
  readonly observers: number
  /** How long a node that nobody vouched for has to be known before it can be trusted with everything, in seconds. */
  readonly trustS: number
  /** Of areas made from now on. */
  readonly seed: number
  readonly resourceCount: number
  readonly npcCount: number
  readonly capacity: number
}

/** The rules that hold from a leaf of this log on. */
export interface AdoptedRules {
  readonly version: number
  readonly contentHash: Uint8Array
  readonly sinceLeaf: number
}

/** Things that happened, and a root over their records. Zero and zeros where seals tell nothing of them yet. */
export interface Counted {
  readonly count: number
  readonly root: Uint8Array
}

/** One link of the world's chain. */
export interface WorldBlock {
  readonly number: number
  /** Hash of the block before; zeros before the first. */
  readonly previous: Uint8Array
  readonly tick: number
  readonly timeMs: number
  /** Certificates that were anchored since the last block, the newest of each authority. */
  readonly certificates: Counted
  /** Log records that these cover beyond what the last block covered. */
  readonly records: number
  readonly playerActions: Counted
  readonly npcDecisions: Counted
  readonly structureChanges: Counted
}

export interface Header {
  rulesVersion: number
  tick: number
  /** Of the last tick record, the leader's clock. */
  timeMs: number
  /** Directory time: what coordinators' clocks have seen pass, from one tick record to the next. It stands still while there are none. */
  passedMs: number
  /** Directory time at which ticks went on after an outage that outlasted all leases; 0: there was none. */
  resumedMs: number
  blockMs: number
  nextNode: number
  nextGroup: number
  nextOrder: number
}
