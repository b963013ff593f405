import type { RaftInstance } from '../../storage/keys.ts'
import type { StoreOp } from '../../storage/store.ts'
import { type ConfigAt, replayChanges } from '../raft/confchange/replay.ts'
import { MemoryLog } from '../raft/log/memory-log.ts'
import { RawNode } from '../raft/raw-node.ts'
import { EMPTY_BYTES, EMPTY_HARD_STATE, type HardState, type Message, type Snapshot } from '../raft/types.ts'
import type { Committed } from './departures.ts'
import type { RejoinAnswer } from './frame.ts'
import type { Hold } from './holding.ts'
import type { RecoveredGroup } from './raft-disk.ts'
import { type Rejoin, rejoinOf } from './rejoin.ts'
import {
  DEFAULT_LIMITS,
  GroupError,
  type GroupHostOptions,
  type GroupLimits,
  type GroupOptions,
  type RoleChange,
  TICK_MS,
} from './types.ts'

/** A write of one group that was handed to the store, or waits to be, and what may leave once it is durable. */
export interface PersistStep {
  readonly group: HostedGroup
  readonly append: Message
  /** Answers that came later, have nothing of their own to write, and speak of what this step makes durable. */
  readonly later: Message[]
  /** To those who asked where this replica is (rejoin.ts). */
  readonly answers: { readonly peer: number; readonly rejoinAnswer: RejoinAnswer }[]
}

/** Proposals of one turn; they become one append. */
export interface ProposalQueue {
  term: number
  readonly payloads: Uint8Array[]
}

/** One group of this node: its core, its log, and what the host must remember between the core's effects. */
export interface HostedGroup {
  readonly instance: RaftInstance
  readonly node: RawNode
  readonly log: MemoryLog
  readonly proposals: ProposalQueue
  /** Entries on disk, or on their way there, are those from `firstStored` to `lastStored`. */
  firstStored: number
  lastStored: number
  /** As last handed over for writing. */
  hardState: HardState
  /** The newest step that is not durable yet. */
  lastStep: PersistStep | undefined
  /** Payload taken as leader of `uncommittedTerm` and not applied. */
  uncommittedBytes: number
  applied: number
  reported: RoleChange
  /** A snapshot that the daemon is fetching; the core doesn't know of it yet. */
  offer: Message | undefined
  /** What the daemon wants written together with the snapshot. */
  offerOps: readonly StoreOp[]

  /** The members as of each index from the snapshot on, as far as it is applied. */
  readonly configs: ConfigAt[]
  /** Members that the node's liveness counts this group for. */
  sharedWith: readonly { readonly id: number }[]
  /** Who may be a member by a change that is not applied here, as the caller knows. */
  readonly introduced: Set<number>
  /** Who stands first when nobody leads, 0 for nobody in particular. */
  readonly firstLeader: number
  /** While only that one is followed. */
  hold: Hold | undefined
  /** No voter leaves before the instance ends. */
  readonly keepsVoters: boolean
  /** This node has been a member in this life, and not been found to be none since. */
  wasMember: boolean
  /** The newest entry that another one has said to be committed. */
  told: Committed
  /** Another member has said that we are none, and no leader has spoken since. */
  wasRemoved: boolean

  /** Not ticked. */
  asleep: boolean
  /** As leader: ticks since there was last something to do. */
  quietTicks: number
  lastActiveMs: number
  /** As leader: who has said, in this term, that its node's present support for ours covers this group. */
  readonly covering: Set<number>
  /** The leader that our node's support covers here, 0 for none: no vote against it while the promise stands. */
  boundTo: number
  /** What is left of a promise after `boundTo` was given up. */
  boundUntilMs: number
  /** The leader whose node was lost, 0 when there was none or it is somebody's again. */
  lostLeader: number
  /** A leader that has asked somebody to take over can't count on votes being withheld any more in this term. */
  transferTerm: number
  /** Its disk was lost, and it may not vote yet. */
  rejoin: Rejoin | undefined
  /** Members whose disk was lost, with the nonce of their question, until they are answered. */
  readonly asked: Map<number, number>
}

export interface CoreSettings {
  readonly self: number
  readonly random: (below: number) => number
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly limits: GroupLimits
  readonly leaseReads: boolean
}

const DEFAULT_HEARTBEAT_MS = 50
const DEFAULT_ELECTION_MS = 250

export function coreSettings(options: GroupHostOptions): CoreSettings {
  return {
    self: options.self,
    random: options.random,
    electionTicks: Math.ceil((options.electionMs ?? DEFAULT_ELECTION_MS) / TICK_MS),
    heartbeatTicks: Math.ceil((options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS) / TICK_MS),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    leaseReads: options.leaseReads ?? false,
  }
}

export function openGroup(
  settings: CoreSettings,
  options: GroupOptions,
  recovered: RecoveredGroup | undefined,
): HostedGroup {
  const { group, epoch, view } = options
  const snapshot = recovered?.snapshot ?? emptySnapshot(options)
  const entries = recovered?.entries ?? []
  const last = snapshot.index + entries.length
  const applied = Math.max(options.applied ?? 0, snapshot.index)
  if (applied > last) {
    const problem = `Group ${group} has applied entry ${applied}, but its Raft log ends at ${last}.`
    throw new GroupError('applied-past-log', group, problem)
  }
  const stored = recovered?.hardState ?? EMPTY_HARD_STATE
  // The commit index is written lazily; what was applied was committed.
  const hardState = { ...stored, commit: Math.max(stored.commit, applied) }
  const base = { index: snapshot.index, confState: snapshot.confState }
  const configs = replayChanges(base, entries.slice(0, applied - snapshot.index))
  const { confState } = configs[configs.length - 1]!
  const log = new MemoryLog({ hardState, snapshot, confState, entries })
  const { limits } = settings
  const node = new RawNode(
    {
      id: settings.self,
      electionTicks: settings.electionTicks,
      heartbeatTicks: settings.heartbeatTicks,
      random: settings.random,
      applied,
      asyncStorageWrites: true,
      maxSizePerMessage: limits.maxMessageBytes,
      maxCommittedSizePerReady: limits.maxMessageBytes,
      maxInflightMessages: limits.maxInflightMessages,
      maxInflightBytes: limits.maxInflightBytes,
      checkQuorum: true,
      preVote: true,
      disableProposalForwarding: true,
      stepDownOnRemoval: true,
      snapshotsPrecedeMembers: true,
    },
    log,
  )
  return {
    instance: { group, epoch, view },
    node,
    log,
    proposals: { term: 0, payloads: [] },
    firstStored: snapshot.index + 1,
    lastStored: last,
    hardState,
    lastStep: undefined,
    uncommittedBytes: 0,
    applied,
    reported: { group, role: 'follower', term: hardState.term, leader: 0 },
    offer: undefined,
    offerOps: [],
    configs,
    sharedWith: [],
    introduced: new Set(options.introduced),
    firstLeader: options.firstLeader ?? 0,
    hold: undefined,
    keepsVoters: options.keepsVoters ?? false,
    wasMember: false,
    told: { index: 0, term: 0 },
    wasRemoved: false,
    asleep: true,
    quietTicks: 0,
    lastActiveMs: 0,
    covering: new Set(),
    boundTo: 0,
    boundUntilMs: 0,
    lostLeader: 0,
    transferTerm: 0,
    rejoin: rejoinOf(recovered),
    asked: new Map(),
  }
}

function emptySnapshot(options: GroupOptions): Snapshot {
  const { voters, learners } = options
  const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false }
  return { index: 0, term: 0, confState, data: EMPTY_BYTES }
}
