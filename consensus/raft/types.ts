/**
 * The data of the Raft core. Node ids, terms and indexes are safe integers (0 ≤ n ≤ 2^53 − 1); id 0 is nobody,
 * index 0 and term 0 lie before the log. A message always has every field, so that all messages share one shape.
 */

/** No node: no leader, no vote. */
export const NONE = 0

/** A size or count without limit. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER

/** `to` of `StorageAppend`, `from` of its response: the host's write path. Never a node id, never on the wire. */
export const LOCAL_APPEND_THREAD = Number.MAX_SAFE_INTEGER

/** `to` of `StorageApply`, `from` of its response: the host's state machine. */
export const LOCAL_APPLY_THREAD = Number.MAX_SAFE_INTEGER - 1

/** Node ids above it are refused. */
export const MAX_NODE_ID = 2 ** 32 - 1

export const EntryType = { Normal: 0, ConfChange: 1, ConfChangeV2: 2 } as const
export type EntryType = (typeof EntryType)[keyof typeof EntryType]

/** One log entry. `data` is never copied and must not be changed once proposed. */
export interface Entry {
  readonly term: number
  readonly index: number
  readonly type: EntryType
  readonly data: Uint8Array
}

export const MessageType = {
  Hup: 0,
  Beat: 1,
  Prop: 2,
  App: 3,
  AppResp: 4,
  Vote: 5,
  VoteResp: 6,
  Snap: 7,
  Heartbeat: 8,
  HeartbeatResp: 9,
  Unreachable: 10,
  SnapStatus: 11,
  CheckQuorum: 12,
  TransferLeader: 13,
  TimeoutNow: 14,
  ReadIndex: 15,
  ReadIndexResp: 16,
  PreVote: 17,
  PreVoteResp: 18,
  StorageAppend: 19,
  StorageAppendResp: 20,
  StorageApply: 21,
  StorageApplyResp: 22,
  ForgetLeader: 23,
} as const
export type MessageType = (typeof MessageType)[keyof typeof MessageType]

/**
 * One message. What `index`, `logTerm` and `commit` mean depends on the type, as in the Raft paper: `App` carries
 * the entries after (index, logTerm); `AppResp` acknowledges up to `index`, or rejects it with a hint
 * (rejectHint, logTerm) of where the logs may agree; `Vote` and `PreVote` carry the candidate's last (index, logTerm).
 */
export interface Message {
  type: MessageType
  to: number
  from: number
  term: number
  logTerm: number
  index: number
  commit: number
  /** Only in `StorageAppend`: term, vote and commit are the hard state to persist, or all 0 when it is unchanged. */
  vote: number
  reject: boolean
  rejectHint: number
  entries: readonly Entry[]
  snapshot: Snapshot | undefined
  context: Uint8Array | undefined
  /**
   * Only in `StorageAppend` and `StorageApply`: deliver these when the work is done (and, for `StorageAppend`
   * with responses, synced to disk): to the peer when `to` is a peer, back into `step` when `to` is this node.
   */
  responses: readonly Message[]
  /** The core tells itself something: only it sets this, and no bytes can. */
  isLocal: boolean
}

/** What must be on disk before the messages that depend on it leave. */
export interface HardState {
  readonly term: number
  readonly vote: number
  readonly commit: number
}

export type Role = 'follower' | 'candidate' | 'leader' | 'pre-candidate'

/** What is worth knowing but need not be kept. */
export interface SoftState {
  readonly lead: number
  readonly role: Role
}

/** The members as of an index. Outgoing voters are there only in a joint configuration (Raft thesis 4.3). */
export interface ConfState {
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  readonly votersOutgoing: readonly number[]
  readonly learnersNext: readonly number[]
  readonly autoLeave: boolean
}

/** State up to and including `index`; `data` is the host's own (small: the chunks travel beside Raft). */
export interface Snapshot {
  readonly index: number
  readonly term: number
  readonly confState: ConfState
  readonly data: Uint8Array
}

/** A read that was asked for with `context` may be served once the state machine has applied `index`. */
export interface ReadState {
  readonly index: number
  readonly context: Uint8Array
}

/**
 * What is to be done. A snapshot goes to the disk before the entries beside it, which follow it. Without async storage
 * writes: persist `hardState`, `entries` and `snapshot` (synced when
 * `mustSync`), then send `messages`, apply `committedEntries`, and call `advance`. With them: `messages` also holds
 * the `StorageAppend` and `StorageApply` messages that carry all of that, everything to peers may leave at once, and
 * `advance` is not called; the responses take its place.
 */
export interface Ready {
  readonly softState: SoftState | undefined
  readonly hardState: HardState | undefined
  readonly readStates: readonly ReadState[]
  readonly entries: readonly Entry[]
  readonly snapshot: Snapshot | undefined
  readonly committedEntries: readonly Entry[]
  readonly messages: readonly Message[]
  readonly mustSync: boolean
}

export type ReadOnlyOption = 'safe' | 'lease'

export interface RaftConfig {
  /** This node, 1 ≤ id ≤ MAX_NODE_ID. */
  readonly id: number
  /** Ticks without a leader before an election starts (randomised up to twice that). */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  /** A whole number in [0, below), for election timeouts. */
  readonly random: (below: number) => number
  /** Last index that the state machine has applied, after a restart. */
  readonly applied?: number
  readonly asyncStorageWrites?: boolean
  /** Bytes of entries in one `App`; 0: one entry. Default: no limit. */
  readonly maxSizePerMessage?: number
  /** Bytes of committed entries handed out and not yet applied. Default: maxSizePerMessage. */
  readonly maxCommittedSizePerReady?: number
  /** Payload bytes in the leader's log that are not applied yet; beyond it proposals are dropped. Default: no limit. */
  readonly maxUncommittedSize?: number
  readonly maxInflightMessages?: number
  readonly maxInflightBytes?: number
  readonly checkQuorum?: boolean
  readonly preVote?: boolean
  /** `lease` trusts the clock (tick rates differ by less than the election timeout) and needs checkQuorum. */
  readonly readOnly?: ReadOnlyOption
  readonly disableProposalForwarding?: boolean
  readonly disableConfChangeValidation?: boolean
  readonly stepDownOnRemoval?: boolean
  /**
   * A member that was added after the newest snapshot is sent it all the same, and takes it: it learns of itself from the
   * entries that follow. Without it the member waits for a newer one.
   */
  readonly snapshotsPrecedeMembers?: boolean
}

export type RefusalCode =
  /** A field is missing, is no safe integer or is out of its range. */
  | 'malformed'
  /** The bytes are no message. */
  | 'undecodable'
  | 'too-large'
  /** A type that only the node itself may step. */
  | 'local-message'
  /** A response from somebody who is no member: a vote or ack that must not count. */
  | 'not-member'
  /** The term is further ahead than MAX_TERM_JUMP. */
  | 'term-jump'
  /** The sender says that an entry is committed that this log does not hold. */
  | 'commit-past-log'
  /** An ack for entries that this leader does not have. */
  | 'ack-past-log'
  /** Entries that are not in a row, or whose terms decrease or exceed the sender's. */
  | 'bad-entries'
  | 'bad-snapshot'
  | 'bad-conf-change'
  | 'bad-context'
  /** Dropped: nobody leads. */
  | 'no-leader'
  /** Dropped: another node leads, and forwarding is off. */
  | 'not-leader'
  /** Dropped: this leader is no member any more. */
  | 'removed'
  /** Dropped: leadership is being transferred. */
  | 'transferring'
  /** Dropped: too many payload bytes wait to be committed and applied. */
  | 'over-quota'
  | 'empty-proposal'
  /** Too many reads wait for an answer. */
  | 'busy'

export interface Refusal {
  readonly ok: false
  readonly code: RefusalCode
}

export type StepResult = { readonly ok: true } | Refusal

/** `index` and `term` of the entry in this leader's log; both 0 when the proposal was forwarded to the leader. */
export type ProposeResult = { readonly ok: true; readonly index: number; readonly term: number } | Refusal

export const OK: StepResult = Object.freeze({ ok: true })

const NO_ENTRIES: readonly Entry[] = Object.freeze([])
const NO_MESSAGES: readonly Message[] = Object.freeze([])

/** The shared empty payload. */
export const EMPTY_BYTES = new Uint8Array(0)

export const EMPTY_CONF_STATE: ConfState = Object.freeze({
  voters: Object.freeze([]),
  learners: Object.freeze([]),
  votersOutgoing: Object.freeze([]),
  learnersNext: Object.freeze([]),
  autoLeave: false,
})

export const EMPTY_HARD_STATE: HardState = Object.freeze({ term: 0, vote: 0, commit: 0 })

/** A message of this type with every other field empty; the caller sets what it needs. */
export function newMessage(type: MessageType, to: number): Message {
  return {
    type,
    to,
    from: NONE,
    term: 0,
    logTerm: 0,
    index: 0,
    commit: 0,
    vote: NONE,
    reject: false,
    rejectHint: 0,
    entries: NO_ENTRIES,
    snapshot: undefined,
    context: undefined,
    responses: NO_MESSAGES,
    isLocal: false,
  }
}

export function refuse(code: RefusalCode): Refusal {
  return { ok: false, code }
}

export function isLocalThread(id: number): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD
}
