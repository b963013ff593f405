import type { RaftInstance } from '../../storage/keys.ts'
import type { StoreOp } from '../../storage/store.ts'
import type { ConfState, Role } from '../raft/types.ts'

/** What one call of `tick` stands for. */
export const TICK_MS = 10

export interface GroupLimits {
  /** A longer frame is refused unread. */
  readonly maxFrameBytes: number
  /** One proposal. At most half a frame, so that it always fits. */
  readonly maxEntryBytes: number
  /** Entries of one append message. */
  readonly maxMessageBytes: number
  /** Appends to one peer of one group that are not acknowledged. */
  readonly maxInflightMessages: number
  readonly maxInflightBytes: number
  /** Payload that one group's leader has taken and not yet applied; beyond it `propose` answers `busy`. */
  readonly maxUncommittedBytes: number
  /** Reads of this node, of all groups, that wait for an answer; beyond it `read` answers `busy`. */
  readonly maxReads: number
  readonly maxGroups: number
  /** Voters and learners of one group. */
  readonly maxMembers: number
}

export const DEFAULT_LIMITS: GroupLimits = {
  maxFrameBytes: 4 << 20,
  maxEntryBytes: 1 << 20,
  maxMessageBytes: 1 << 20,
  maxInflightMessages: 256,
  maxInflightBytes: 8 << 20,
  maxUncommittedBytes: 16 << 20,
  maxReads: 16_384,
  maxGroups: 10_000,
  maxMembers: 32,
}

export interface GroupHostOptions {
  /** This node's number. */
  readonly self: number
  /** A whole number n with 0 ≤ n < below. */
  readonly random: (below: number) => number
  readonly limits?: Partial<GroupLimits>
  /** A leader is heard of this often. Default 50. */
  readonly heartbeatMs?: number
  /**
   * A group whose leader is silent while its node is alive elects another one after this long, drawn anew between it
   * and twice it, and longer where round trips are. Default 250.
   */
  readonly electionMs?: number
  /** A write that takes longer costs this node its leaderships. Default 1000. */
  readonly diskStallMs?: number
  /**
   * Reads are served by lease where there is one, on the word of the clock, instead of asking a quorum. Only for machines
   * that are never suspended nor paused. Default false.
   */
  readonly leaseReads?: boolean
  /** Of a clock that never goes back nor stands still. Default: as many as `tick` was called for. */
  readonly nowMs?: () => number
  /** What `recoverPromised` found on the disk. Default 0: a new disk. */
  readonly promisedMs?: number
}

export interface GroupOptions extends RaftInstance {
  /** Node numbers: the members at the group's beginning, before any change. A snapshot and the log say what became of them. */
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  /** See `GroupHost.introduce`. */
  readonly introduced?: readonly number[]
  /** The last index that the state machine has applied and kept, 0 for none. */
  readonly applied?: number
  /** Whoever of the voters is to stand first, when nobody leads. Default: they take turns by the group's number. */
  readonly firstLeader?: number
  /** Nobody else is followed for so long, as long as that one leads (holding.ts). Default 0: whoever is elected is. */
  readonly holdMs?: number
  /** Its voters are these until the instance ends: whoever tells one of them that it was removed lies. Default false. */
  readonly keepsVoters?: boolean
}

/** Who shall belong to a group. */
export interface Members {
  /** Node numbers. */
  readonly voters: readonly number[]
  /** They have everything, and have no vote. */
  readonly learners: readonly number[]
}

export type ChangeMembersResult =
  | { readonly ok: true; readonly index: number; readonly term: number }
  | { readonly ok: false; readonly code: ChangeMembersRefusal; readonly leader: number }

export type ChangeMembersRefusal =
  | 'stopped'
  | 'unknown-group'
  | 'not-leader'
  /** Leadership is being handed over. */
  | 'busy'
  /** Another change is not over yet, or may not be: ask again. */
  | 'change-under-way'
  /** No voters, the same node twice, or a number that is none. */
  | 'malformed'
  | 'too-many-members'
  /** They are the members already. */
  | 'unchanged'

/** `index` and `term` name the entry: if an entry with both is ever committed, it is this one. */
export type Proposed =
  | { readonly ok: true; readonly index: number; readonly term: number }
  | {
      readonly ok: false
      readonly code: 'not-leader' | 'busy' | 'stopped' | 'unknown-group' | 'too-large'
      /** The leader as far as this node knows, 0 when it knows none. */
      readonly leader: number
    }

export type ReadAsked =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly code: 'busy' | 'no-leader' | 'not-member' | 'stopped' | 'unknown-group'
    }

/** What a read rests on: the leader's lease, or a quorum that has just heard of it. */
export type ReadSupport = 'lease' | 'quorum'

export type ReadDone =
  /** To be served once the state machine has applied `index`. */
  | {
      readonly group: number
      readonly context: number
      readonly ok: true
      readonly index: number
      readonly by: ReadSupport
    }
  /** The leader, its term or the way to it changed; or there was no answer for too long. */
  | {
      readonly group: number
      readonly context: number
      readonly ok: false
      readonly code: 'lost' | 'timeout'
    }

/** 0: elections and heartbeats, small and urgent. 1: appends and their answers. */
export type Lane = 0 | 1

export interface OutFrame {
  readonly peer: number
  readonly lane: Lane
  readonly frame: Uint8Array
}

export interface CommittedEntry {
  readonly index: number
  readonly term: number
  /** Empty for entries that are Raft's own. */
  readonly data: Uint8Array
}

export interface Committed {
  readonly group: number
  /** In order of their index, without gaps, each once per life of the host. */
  readonly entries: readonly CommittedEntry[]
}

export interface RoleChange {
  readonly group: number
  readonly role: Role
  readonly term: number
  /** 0: none known. */
  readonly leader: number
}

/** The leader's log no longer reaches back to where this replica is. `meta` is what its authority said at `compact`. */
export interface SnapshotOffer {
  readonly group: number
  readonly from: number
  readonly index: number
  readonly term: number
  readonly meta: Uint8Array
}

/** From here on the state machine is that of the snapshot; the next committed entry has `index` + 1. */
export interface SnapshotInstalled {
  readonly group: number
  readonly index: number
  readonly term: number
  readonly meta: Uint8Array
}

/** The core of this group contradicted itself: the group is closed on this node, for as long as the host lives. */
export interface GroupFault {
  readonly group: number
  readonly code: string
  readonly message: string
}

export interface WriteEffect {
  readonly cycle: number
  /** One batch, together with what the caller puts ahead of them. */
  readonly ops: readonly StoreOp[]
  /** False: nothing waits for it to be durable. */
  readonly sync: boolean
}

export interface Effects {
  readonly send: readonly OutFrame[]
  readonly write: WriteEffect | undefined
  readonly committed: readonly Committed[]
  readonly roles: readonly RoleChange[]
  readonly members: readonly MembersChange[]
  readonly removed: readonly Removal[]
  readonly offered: readonly SnapshotOffer[]
  readonly installed: readonly SnapshotInstalled[]
  readonly faults: readonly GroupFault[]
  /** After `committed`: what may be served at once, can be. */
  readonly reads: readonly ReadDone[]
}

export interface PeerStatus {
  readonly peer: number
  /** Its log agrees with ours up to here, on its disk. */
  readonly match: number
  readonly state: 'probe' | 'replicate' | 'snapshot'
  /** It was heard of since the last quorum check. */
  readonly active: boolean
  readonly learner: boolean
  /** Appends that it has not acknowledged. */
  readonly inflightMessages: number
  readonly inflightBytes: number
}

/** These are the members from `index` on, as this replica has applied it. */
export interface MembersChange extends Members {
  readonly group: number
  readonly index: number
  /** While a change goes through a joint configuration: the voters before it, of whom a majority is needed as well. */
  readonly votersOutgoing: readonly number[]
  /** This node is among them. */
  readonly isMember: boolean
}

/** This replica was removed: it has applied that, or another member has said so, and no leader speaks to it. */
export interface Removal {
  readonly group: number
}

/** A replica whose disk was lost, and which does not vote yet. */
export interface RejoinStatus {
  readonly phase: 'silent' | 'catching-up'
  /** Voters that have not said where they are. None: the group has no leader that has. */
  readonly waitsFor: readonly number[]
  /** Its log reaches to `index`; it votes when that is `goal` (or a later leader has spoken). */
  readonly index: number
  readonly goal: number
}

export interface GroupStatus extends RaftInstance {
  /** This node's number. */
  readonly self: number
  readonly role: Role
  readonly term: number
  readonly leader: number
  readonly commit: number
  readonly applied: number
  /** The log in memory and on disk: entries from `firstIndex` to `lastIndex`. */
  readonly firstIndex: number
  readonly lastIndex: number
  readonly uncommittedBytes: number
  /** It has no timer and sends nothing; the liveness of its leader's node stands in. */
  readonly asleep: boolean
  /** The members as of what is applied. */
  readonly members: ConfState
  /** This node is among them, and no other member has said that it isn't any more. */
  readonly isMember: boolean
  readonly rejoining: RejoinStatus | undefined
  /** Only a leader knows them. */
  readonly peers: readonly PeerStatus[]
}

export type CompactResult = { readonly ok: true } | { readonly ok: false; readonly code: CompactRefusal }
export type CompactRefusal = 'unknown-group' | 'stopped' | 'not-applied' | 'already-compacted'

/** A mistake of the caller or a disk that contradicts itself; never something that a peer can cause. */
export class GroupError extends Error {
  readonly code: 'too-many-groups' | 'older-instance' | 'already-open' | 'applied-past-log' | 'unknown-cycle'
  readonly group: number

  constructor(code: GroupError['code'], group: number, message: string) {
    super(message)
    this.name = 'GroupError'
    this.code = code
    this.group = group
  }
}
