import { encodeConfChange } from './confchange/codec.ts'
import type { ConfChange } from './confchange/conf-change.ts'
import { type Campaign, campaign } from './election.ts'
import { RaftFault } from './fault.ts'
import { forwardTransfer } from './follower.ts'
import { handleSnapshotReport, handleUnreachable, stepLeader } from './leader.ts'
import type { LogStorage } from './log/storage.ts'
import { type AppliedChange, applyConfChange } from './membership.ts'
import { propose } from './proposals.ts'
import { Raft } from './raft.ts'
import { handleReadIndex } from './reads.ts'
import { hasReady, type Told, takeReady } from './ready.ts'
import { step } from './step.ts'
import { tick } from './tick.ts'
import type { Progress } from './tracker/progress.ts'
import {
  type ConfState,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  NONE,
  newMessage,
  OK,
  type ProposeResult,
  type RaftConfig,
  type Ready,
  type Role,
  type StepResult,
} from './types.ts'

export interface Status {
  readonly id: number
  readonly term: number
  readonly vote: number
  readonly lead: number
  readonly role: Role
  readonly commit: number
  readonly applied: number
  readonly firstIndex: number
  readonly lastIndex: number
  readonly leadTransferee: number
  readonly uncommittedSize: number
  readonly config: ConfState
  /** Sorted by id; empty unless this node leads. */
  readonly members: readonly Progress[]
}

/**
 * One member of one Raft group, as a pure state machine: the host feeds it ticks, proposals and messages, and does
 * what `ready` says, as far as `hasReady`. Behaves as etcd's RawNode does, except that nothing a peer sends can make
 * it throw. A RaftFault means that the host broke the contract, and this group must stop.
 *
 * The host checks, before `step`, that a message's `from` is the peer that the connection belongs to. Forwarded
 * messages are the exception: a TransferLeader's `from` names the target, and a Prop's or ReadIndex's the member that
 * asked. Responses to this node itself also go through `step`, as the objects that the core handed out.
 */
export class RawNode {
  /** For status and tests; nothing outside of the core changes it. */
  readonly raft: Raft
  readonly #told: Told
  #onAdvance: Message[] = []

  constructor(config: RaftConfig, storage: LogStorage) {
    this.raft = new Raft(config, storage)
    this.#told = {
      softState: { lead: this.raft.lead, role: this.raft.role },
      hardState: this.raft.hardState(),
    }
  }

  /** One step of this group's clock. */
  tick(): void {
    tick(this.raft)
  }

  /** Stands for election now, with a pre-vote if that is set. */
  campaign(kind: Campaign = this.raft.settings.preVote ? 'pre-election' : 'election'): void {
    campaign(this.raft, kind)
  }

  propose(data: Uint8Array): ProposeResult {
    return this.#propose({ term: 0, index: 0, type: EntryType.Normal, data })
  }

  /** One that comes too early becomes an empty entry in the log, at the index that is returned. */
  proposeConfChange(change: ConfChange): ProposeResult {
    return this.#propose(encodeConfChange(change))
  }

  /** Must be called for every committed configuration change, when the host applies it. */
  applyConfChange(change: ConfChange): AppliedChange {
    return applyConfChange(this.raft, change)
  }

  step(message: Message): StepResult {
    return step(this.raft, message)
  }

  /** Asks for a linearizable read; the answer comes in `readStates`, if it comes: ask again after a timeout. */
  readIndex(context: Uint8Array): StepResult {
    const message = newMessage(MessageType.ReadIndex, this.raft.id)
    message.entries = [{ term: 0, index: 0, type: EntryType.Normal, data: context }]
    return handleReadIndex(this.raft, message)
  }

  /** Hands leadership over; a follower asks its leader to. */
  transferLeader(to: number): StepResult {
    if (this.raft.role === 'follower') return forwardTransfer(this.raft, to)
    if (this.raft.role !== 'leader') return OK
    const message = newMessage(MessageType.TransferLeader, this.raft.id)
    message.from = to
    return stepLeader(this.raft, message)
  }

  /**
   * A follower that knows by other means that its leader is gone may vote for another one before its lease ends.
   * Ignored with lease reads, which rely on that lease.
   */
  forgetLeader(): void {
    if (this.raft.role === 'follower' && this.raft.settings.readOnly !== 'lease') this.raft.lead = NONE
  }

  /** For a leader, or who would be one, whose host knows that it can't: its disk is stalled, or it was removed. */
  stepDown(): void {
    if (this.raft.role !== 'follower') this.raft.becomeFollower(this.raft.term, NONE)
  }

  /** Takes part from `term` on. Only for a member that has forgotten all that was before, and abstains. */
  rejoin(term: number): void {
    this.raft.becomeFollower(term, NONE)
  }

  /**
   * A member says that this entry is committed, which a follower may not have heard before its leader was lost. False when
   * the log does not hold it, or knew it. A change of members among what is committed ends a candidacy: it may need other votes.
   */
  learnCommitted(index: number, term: number): boolean {
    const { raft } = this
    if (raft.role === 'leader' || !raft.log.maybeCommit(index, term)) return false
    if (raft.role !== 'follower' && raft.log.hasUnappliedConfChange()) raft.becomeFollower(raft.term, NONE)
    return true
  }

  /** As a leader: this member's disk is not what it was, and holds nothing that it said before. */
  forgetProgress(id: number): void {
    const member = this.raft.role === 'leader' ? this.raft.tracker.get(id) : undefined
    const { maxInflightMessages, maxInflightBytes } = this.raft.settings
    member?.resetForTerm(this.raft.log.lastIndex(), maxInflightMessages, maxInflightBytes)
  }

  /** The host ticks this group again, after a pause that no timeout may count. */
  resume(): void {
    this.raft.electionElapsed = 0
    // A leader is heard of at the next tick.
    this.raft.heartbeatElapsed = this.raft.settings.heartbeatTicks
  }

  /** The election timeout from now on, as the way to the members is longer or shorter than it was. */
  retime(electionTicks: number): void {
    if (electionTicks === this.raft.electionTicks) return
    this.raft.electionTicks = electionTicks
    this.raft.randomizedElectionTimeout = electionTicks + this.raft.settings.random(electionTicks)
  }

  /** The next tick would make it stand for election. */
  get timesOutNext(): boolean {
    const { role, electionElapsed, randomizedElectionTimeout } = this.raft
    return role !== 'leader' && electionElapsed + 1 >= randomizedElectionTimeout
  }

  /** It follows a leader of whom it has not heard for an election timeout. */
  get missesLeader(): boolean {
    const { role, lead, electionElapsed, electionTicks } = this.raft
    return role === 'follower' && lead !== NONE && electionElapsed >= electionTicks
  }

  /** Messages to this peer were probably lost. */
  reportUnreachable(id: number): void {
    handleUnreachable(this.raft, id)
  }

  /** The snapshot that was sent to this peer has arrived, or was given up. */
  reportSnapshot(id: number, delivered: boolean): void {
    handleSnapshotReport(this.raft, id, delivered)
  }

  hasReady(): boolean {
    return hasReady(this.raft, this.#told)
  }

  /** Takes what is to be done. Without async storage writes, `advance` must follow before the next one. */
  ready(): Ready {
    if (this.#onAdvance.length > 0) throw new RaftFault('ready-before-advance')
    return takeReady(this.raft, this.#told, this.#onAdvance)
  }

  /** Everything in the last Ready is done. Not with async storage writes: their responses say it. */
  advance(_ready: Ready): void {
    if (this.raft.settings.asyncStorageWrites) throw new RaftFault('advance-with-async-writes')
    const messages = this.#onAdvance
    this.#onAdvance = []
    for (const message of messages) step(this.raft, message)
  }

  get role(): Role {
    return this.raft.role
  }

  get term(): number {
    return this.raft.term
  }

  /** NONE when unknown. */
  get lead(): number {
    return this.raft.lead
  }

  status(): Status {
    const { raft } = this
    const { id, term, vote, lead, role, log, leadTransferee, uncommittedSize } = raft
    return {
      id,
      term,
      vote,
      lead,
      role,
      commit: log.committed,
      applied: log.applied,
      firstIndex: log.firstIndex(),
      lastIndex: log.lastIndex(),
      leadTransferee,
      uncommittedSize,
      config: raft.tracker.config,
      members: role === 'leader' ? raft.tracker.members.map(member => member.clone()) : [],
    }
  }

  #propose(entry: Entry): ProposeResult {
    const leads = this.raft.role === 'leader'
    const result = propose(this.raft, [entry])
    if (!result.ok) return result
    return leads
      ? { ok: true, index: this.raft.log.lastIndex(), term: this.raft.term }
      : { ok: true, index: 0, term: 0 }
  }
}
