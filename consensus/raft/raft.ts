import { restoreConfig } from './confchange/restore.ts'
import { checkRecovered, resolveConfig, type Settings } from './config.ts'
import { RaftFault } from './fault.ts'
import { RaftLog } from './log/raft-log.ts'
import type { LogStorage } from './log/storage.ts'
import { ReadOnly } from './read-only.ts'
import { Tracker } from './tracker/tracker.ts'
import {
  type HardState,
  type Message,
  MessageType,
  NONE,
  newMessage,
  type RaftConfig,
  type ReadState,
  type Role,
} from './types.ts'

/**
 * The state of one member of one group. What it does lives beside it, one file a job: election.ts, leader.ts,
 * follower.ts, candidate.ts, replication.ts, proposals.ts, reads.ts, membership.ts, tick.ts; step.ts is the way in
 * for messages, ready.ts the way out for effects.
 */
export class Raft {
  readonly settings: Settings
  readonly id: number
  readonly log: RaftLog
  readonly tracker = new Tracker()

  term = 0
  vote = NONE
  lead = NONE
  role: Role = 'follower'
  isLearner = false
  /** It may not stand for election: it has forgotten what it promised, and its host sees to it that it does not vote. */
  abstains = false

  /** Messages that may leave at once. */
  messages: Message[] = []
  /** Votes and acks: they leave when everything that is unstable by now is on disk (Raft thesis 3.8). */
  messagesAfterAppend: Message[] = []

  /** Target of a leadership transfer that is under way. */
  leadTransferee = NONE
  /** No configuration change may be proposed until the one at or before this index is applied. */
  pendingConfIndex = 0
  /** Payload bytes in this leader's log that are not applied yet. */
  uncommittedSize = 0

  readOnly = new ReadOnly()
  readStates: ReadState[] = []
  /** Reads that came before this leader committed anything in its term. */
  earlyReads: Message[] = []

  /** As set, until the host has measured how far the members are from each other. */
  electionTicks: number
  electionElapsed = 0
  heartbeatElapsed = 0
  randomizedElectionTimeout = 0

  constructor(config: RaftConfig, storage: LogStorage) {
    this.settings = resolveConfig(config)
    this.id = config.id
    this.electionTicks = this.settings.electionTicks
    checkRecovered(storage)
    this.log = new RaftLog(storage, this.settings.maxCommittedSizePerReady)
    const { hardState, confState } = storage.initialState()
    const { maxInflightMessages, maxInflightBytes } = this.settings
    const restored = restoreConfig(confState, this.log.lastIndex(), maxInflightMessages, maxInflightBytes)
    if (restored === undefined) throw new RaftFault('bad-stored-conf-state')
    this.tracker.config = restored.config
    this.tracker.members = restored.members
    this.isLearner = this.tracker.get(this.id)?.isLearner ?? false
    this.term = hardState.term
    this.vote = hardState.vote
    this.log.committed = Math.max(this.log.committed, hardState.commit)
    if (config.applied !== undefined && config.applied > 0) this.log.appliedTo(config.applied, 0)
    this.becomeFollower(this.term, NONE)
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed }
  }

  becomeFollower(term: number, lead: number): void {
    this.reset(term)
    this.lead = lead
    this.role = 'follower'
  }

  /** Common to every change of role, except to pre-candidate, which changes nothing until it has won. */
  reset(term: number): void {
    if (this.term !== term) {
      this.term = term
      this.vote = NONE
    }
    this.lead = NONE
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.randomizedElectionTimeout = this.electionTicks + this.settings.random(this.electionTicks)
    this.leadTransferee = NONE
    this.tracker.resetVotes()
    const last = this.log.lastIndex()
    for (const member of this.tracker.members) {
      member.resetForTerm(last, this.settings.maxInflightMessages, this.settings.maxInflightBytes)
      if (member.id === this.id) member.match = last
    }
    this.pendingConfIndex = 0
    this.uncommittedSize = 0
    this.readOnly = new ReadOnly()
  }

  /** A member that has its own configuration in its log and is no learner may stand for election. */
  get promotable(): boolean {
    const own = this.tracker.get(this.id)
    return own !== undefined && !own.isLearner && !this.abstains && this.log.unstable.snapshot === undefined
  }

  /** A read is answered by a leader only once it has committed in its term, and so knows what is committed. */
  get committedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term
  }

  /** Queues a message. Votes carry their own term; proposals and reads none, since any leader may take them. */
  send(message: Message): void {
    if (message.from === NONE) message.from = this.id
    message.isLocal = message.to === this.id
    switch (message.type) {
      case MessageType.Vote:
      case MessageType.PreVote:
      case MessageType.Prop:
      case MessageType.ReadIndex:
        break
      case MessageType.VoteResp:
      case MessageType.PreVoteResp:
        this.messagesAfterAppend.push(message)
        return
      case MessageType.AppResp:
        message.term = this.term
        this.messagesAfterAppend.push(message)
        return
      default:
        message.term = this.term
    }
    this.messages.push(message)
  }

  /** The ack or rejection of an append. */
  newAppendResponse(to: number, index: number): Message {
    const response = newMessage(MessageType.AppResp, to)
    response.index = index
    return response
  }
}
