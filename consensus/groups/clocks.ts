import { MessageType, NONE } from '../raft/types.ts'
import { isBound, isThere, unbind } from './cover.ts'
import type { GroupMessages, Notes } from './frame.ts'
import type { HostedGroup } from './hosted-group.ts'
import { LEADS, READS } from './lanes.ts'
import { Liveness, type LivenessOptions } from './liveness/liveness.ts'
import { Losses } from './losses.ts'
import { belongs, followMembers, isMemberItself, isVoterItself, leaveJoint } from './membership.ts'
import { Orphans } from './orphans.ts'
import { isSettled, maySleep } from './settling.ts'
import { TICK_MS } from './types.ts'

/** A group in which nothing happened for so long goes to sleep. */
const SLEEP_AFTER_TICKS = 20

/** A node that starts is told within this time of the leaders that are there already. */
const SETTLE_MS = 300

/** Groups that never sleep learn this often how far their members are. */
const RETIME_TICKS = 100
export interface ClocksOptions extends LivenessOptions {
  readonly electionTicks: number
  readonly groups: () => Iterable<HostedGroup>
  /** Runs what may end this one group and no other. */
  readonly contain: (hosted: HostedGroup, run: () => void) => void
  /** The core may have something to hand out. */
  readonly changed: (hosted: HostedGroup) => void
  /** On the urgent lane, before anything that this node says of its liveness later. */
  readonly note: (hosted: HostedGroup, peer: number, notes: Notes) => void
  /** This replica is no member any more, and nobody speaks to it. */
  readonly removed: (hosted: HostedGroup) => void
}

/**
 * Decides which groups are ticked. A group sleeps while there is nothing to do and the nodes' liveness holds it
 * together; it is woken by a proposal, a message, an input that waits, or a node that is lost or comes back.
 */
export class Clocks {
  readonly liveness: Liveness
  readonly orphans: Orphans
  readonly #options: ClocksOptions
  readonly #awake = new Set<HostedGroup>()
  readonly #losses: Losses
  /** By group that was closed: until when its replica must not act against the leader that it had. */
  readonly #promises = new Map<number, number>()
  #ticks = 0

  constructor(options: ClocksOptions) {
    this.#options = options
    const { self, nowMs, electionTicks } = options
    this.#losses = new Losses({
      ...options,
      liveness: () => this.liveness,
      orphans: () => this.orphans,
      wake: hosted => this.wake(hosted),
      orphan: hosted => this.#orphan(hosted, true),
    })
    this.liveness = new Liveness(options, this.#losses)
    this.orphans = new Orphans({
      self,
      nowMs,
      liveness: this.liveness,
      settleMs: Math.min(electionTicks * TICK_MS, SETTLE_MS),
      stand: hosted => options.contain(hosted, () => this.#stand(hosted)),
    })
  }

  open(hosted: HostedGroup): void {
    hosted.boundUntilMs = this.#promises.get(hosted.instance.group) ?? 0
    this.membersMayHaveChanged(hosted)
  }

  get diskIsStalled(): boolean {
    return this.orphans.diskIsStalled
  }

  set diskIsStalled(stalled: boolean) {
    this.orphans.diskIsStalled = stalled
    this.liveness.asksForSupport = !stalled
    if (!stalled) this.orphans.scanSoon()
  }

  close(hosted: HostedGroup): void {
    this.#keepPromise(hosted)
    for (const { id } of hosted.sharedWith) this.liveness.shares(id, -1)
    this.#awake.delete(hosted)
    this.#losses.forget(hosted)
    this.orphans.remove(hosted)
  }

  /** A group that is closed and opened again goes on being bound by what its node has promised. */
  #keepPromise(hosted: HostedGroup): void {
    this.release(hosted)
    const nowMs = this.#options.nowMs()
    for (const [group, untilMs] of this.#promises) if (untilMs <= nowMs) this.#promises.delete(group)
    if (hosted.boundUntilMs > nowMs) this.#promises.set(hosted.instance.group, hosted.boundUntilMs)
  }

  /** The core may have other members than before: the nodes that this one has to know of follow them. */
  membersMayHaveChanged(hosted: HostedGroup): void {
    const { node } = hosted
    if (followMembers(hosted, this.liveness) && node.role === 'leader') this.wake(hosted)
    if (!belongs(hosted)) {
      this.orphans.remove(hosted)
      // It had lost its leader before it applied its own removal: nobody will tell it anything any more.
      if (node.lead === NONE && hosted.asleep) this.#orphan(hosted, false)
    } else if (node.lead === NONE && hosted.asleep && !this.orphans.has(hosted))
      this.orphans.add(hosted, true)
  }

  /** Another member knows that we are none any more. */
  toldRemoved(hosted: HostedGroup): void {
    const { node } = hosted
    if (node.lead !== NONE && !node.missesLeader) return
    hosted.wasRemoved = true
    node.stepDown()
    this.#orphan(hosted, false)
  }

  get awake(): ReadonlySet<HostedGroup> {
    return this.#awake
  }

  tick(): void {
    this.#ticks++
    if (this.#awake.size > 0) this.liveness.isBusy()
    this.liveness.tick()
    this.#losses.tick()
    this.orphans.tick()
    for (const hosted of this.#awake) this.#options.contain(hosted, () => this.#tickAwake(hosted))
  }

  #tickAwake(hosted: HostedGroup): void {
    if (this.#ticks % RETIME_TICKS === 0) hosted.node.retime(this.#electionTicks(hosted))
    if (hosted.node.role === 'leader') this.#tickLeader(hosted)
    else this.#tickFollower(hosted)
    if (hosted.node.hasReady()) this.#options.changed(hosted)
  }

  /** Something is to be done in this group. */
  wake(hosted: HostedGroup): void {
    hosted.quietTicks = 0
    hosted.lastActiveMs = this.#options.nowMs()
    if (!hosted.asleep) return
    hosted.asleep = false
    hosted.node.resume()
    hosted.node.retime(this.#electionTicks(hosted))
    this.#awake.add(hosted)
    this.#options.changed(hosted)
  }

  /** An input waits for this group: its leader is to be heard of soon, or another one to be elected. */
  expectProgress(hosted: HostedGroup): void {
    this.#losses.endDoubt(hosted)
    if (this.orphans.has(hosted)) this.orphans.hurry(hosted)
    else if (hosted.node.role === 'leader' || !hosted.asleep) this.wake(hosted)
    else this.#askLeader(hosted)
  }

  /** The group's timer runs until its leader, which is told, has been heard of and lets it sleep again. */
  #askLeader(hosted: HostedGroup): void {
    this.wake(hosted)
    const { lead } = hosted.node
    if (lead !== NONE) this.#options.note(hosted, lead, { wake: true })
  }

  /** A vote was asked for that this node must not give: whoever asks may know that the leader ignores this group. */
  withheldVote(hosted: HostedGroup): void {
    if (hosted.asleep && !this.orphans.has(hosted) && hosted.node.role !== 'leader') this.#askLeader(hosted)
  }

  /** Messages and notes of `peer` for this group have been taken. */
  received(hosted: HostedGroup, peer: number, received: GroupMessages): void {
    if (hosted.node.role === 'leader') this.#receivedAsLeader(hosted, peer, received)
    else this.#receivedAsFollower(hosted, peer, received)
  }

  #receivedAsLeader(hosted: HostedGroup, peer: number, { messages, support, wake }: GroupMessages): void {
    const { node, covering } = hosted
    const isMember = node.raft.tracker.get(peer) !== undefined
    if (isMember && support > 0 && support === this.liveness.epochFrom(peer)) {
      const answers = messages.some(
        ({ type, term }) => type === MessageType.HeartbeatResp && term === node.term,
      )
      if (answers) covering.add(peer)
    }
    if (wake) covering.delete(peer)
    if (wake || (hosted.asleep && !isSettled(hosted, this.liveness, this.#options.nowMs()))) this.wake(hosted)
  }

  #receivedAsFollower(hosted: HostedGroup, peer: number, received: GroupMessages): void {
    const { node } = hosted
    const { lead } = node
    if (received.messages.some(({ type }) => !READS.has(type))) {
      if (
        lead === peer &&
        received.messages.some(({ type, term }) => LEADS.has(type) && term === node.term)
      ) {
        hosted.boundTo = lead
        hosted.lostLeader = 0
        hosted.wasRemoved = false
        hosted.wasMember ||= isMemberItself(hosted)
      }
      // An orphan that was merely asked for its vote goes on waiting for its turn.
      if (hosted.asleep && !(lead === NONE && this.orphans.has(hosted))) this.wake(hosted)
    }
    if (received.sleepTerm > 0 && maySleep(hosted, this.liveness, peer, received)) this.#sleep(hosted)
  }

  /** The core's role or leader is another one. */
  roleChanged(hosted: HostedGroup): void {
    const { node } = hosted
    hosted.covering.clear()
    if (node.role === 'leader') {
      hosted.boundTo = 0
      hosted.lostLeader = 0
    }
    if (node.lead !== NONE) this.orphans.remove(hosted)
    else if (node.role === 'follower' && !this.orphans.has(hosted) && hosted.boundTo === 0)
      return this.#orphan(hosted, false)
    if (hosted.asleep && !this.orphans.has(hosted)) this.wake(hosted)
  }

  peerDown(peer: number): void {
    this.liveness.peerDown(peer)
    this.#losses.peerDown(peer)
  }

  #tickLeader(hosted: HostedGroup): void {
    hosted.node.tick()
    if (++hosted.quietTicks < SLEEP_AFTER_TICKS) return
    const { node } = hosted
    leaveJoint(hosted)
    if (!isSettled(hosted, this.liveness, this.#options.nowMs())) return
    const { self, nowMs } = this.#options
    for (const { id } of node.raft.tracker.members) {
      if (id === self || !isThere(this.liveness, self, id, nowMs())) continue
      this.#options.note(hosted, id, { sleepTerm: node.term, sleepIndex: node.raft.log.committed })
    }
    this.#sleep(hosted)
  }

  #tickFollower(hosted: HostedGroup): void {
    const { node } = hosted
    if (node.missesLeader || node.timesOutNext) this.release(hosted)
    const installsSnapshot = !node.raft.promotable && isVoterItself(hosted)
    if (node.timesOutNext && !installsSnapshot) {
      if (isBound(hosted, this.liveness, this.#options.nowMs())) return
      if (!this.orphans.isElectable(hosted)) {
        node.forgetLeader()
        return this.#orphan(hosted, false)
      }
    }
    node.tick()
  }

  /** This replica is about to give its vote to somebody, or at least to say that it would. */
  beforeVote(hosted: HostedGroup, isReal: boolean): void {
    this.#losses.endDoubt(hosted)
    if (isReal) this.release(hosted)
  }

  /**
   * This replica is about to act against the leader that its node's support covers here, when the promise is over. The
   * leader is told before it is promised anything else.
   */
  release(hosted: HostedGroup): void {
    const { boundTo } = hosted
    if (boundTo === 0) return
    unbind(hosted, this.liveness)
    this.#options.note(hosted, boundTo, { wake: true })
  }

  #sleep(hosted: HostedGroup): void {
    hosted.asleep = true
    this.#awake.delete(hosted)
  }

  #orphan(hosted: HostedGroup, lost: boolean): void {
    this.#sleep(hosted)
    if (belongs(hosted)) return this.orphans.add(hosted, lost)
    this.orphans.remove(hosted)
    if (hosted.wasMember) this.#options.removed(hosted)
    hosted.wasMember = false
  }

  #stand(hosted: HostedGroup): void {
    this.release(hosted)
    this.wake(hosted)
    hosted.node.campaign()
    this.#options.changed(hosted)
  }

  #electionTicks({ node }: HostedGroup): number {
    let farthestMs = 0
    for (const { id } of node.raft.tracker.members) {
      if (id !== this.#options.self) farthestMs = Math.max(farthestMs, this.liveness.roundTripMs(id))
    }
    return Math.max(this.#options.electionTicks, Math.ceil((2 * farthestMs) / TICK_MS))
  }
}
