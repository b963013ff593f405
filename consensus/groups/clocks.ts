import { MessageType, NONE } from '../raft/types.ts'
import { hasQuorum, isBound, unbind } from './cover.ts'
import type { GroupMessages, Notes } from './frame.ts'
import type { HostedGroup } from './hosted-group.ts'
import { Liveness, type LivenessEvents, type LivenessOptions } from './liveness/liveness.ts'
import { belongs, isMemberItself, isVoterItself, leaveJoint } from './membership.ts'
import { Orphans } from './orphans.ts'
import { TICK_MS } from './types.ts'

/** A group in which nothing happened for so long goes to sleep. */
const SLEEP_AFTER_TICKS = 20

/** Of the groups that this node leads and that somebody came back to, so many wake at each tick. */
const MAX_WOKEN_PER_TICK = 50

/**
 * Groups that nobody uses wait so much longer for a node that was lost without a sign of its end: most such nodes are
 * back at once, and then nothing was lost.
 */
const DOUBT_MS = 300

/** A node that starts is told within this time of the leaders that are there already. */
const SETTLE_MS = 300

/** Groups that never sleep learn this often how far their members are. */
const RETIME_TICKS = 100

/** What asks for nothing to be done in the group. */
const READS: ReadonlySet<MessageType> = new Set<MessageType>([
  MessageType.ReadIndex,
  MessageType.ReadIndexResp,
])

/** What only a leader says. */
const LEADS: ReadonlySet<MessageType> = new Set<MessageType>([
  MessageType.App,
  MessageType.Heartbeat,
  MessageType.Snap,
])

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
export class Clocks implements LivenessEvents {
  readonly liveness: Liveness
  readonly orphans: Orphans
  readonly #options: ClocksOptions
  readonly #awake = new Set<HostedGroup>()
  readonly #toWake = new Set<HostedGroup>()
  /** Nodes that were lost, or whose support was, and when their sleeping groups are to be looked after. */
  readonly #lostPeers = new Map<number, number>()
  readonly #silentPeers = new Map<number, number>()
  /** By group that was closed: until when its replica must not act against the leader that it had. */
  readonly #promises = new Map<number, number>()
  #ticks = 0

  constructor(options: ClocksOptions) {
    this.#options = options
    const { self, nowMs, electionTicks } = options
    this.liveness = new Liveness(options, this)
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
    this.#toWake.delete(hosted)
    this.orphans.remove(hosted)
  }

  /** A group that is closed, and may be opened again, goes on being bound by what its node has promised. */
  #keepPromise(hosted: HostedGroup): void {
    this.release(hosted)
    const nowMs = this.#options.nowMs()
    for (const [group, untilMs] of this.#promises) if (untilMs <= nowMs) this.#promises.delete(group)
    if (hosted.boundUntilMs > nowMs) this.#promises.set(hosted.instance.group, hosted.boundUntilMs)
  }

  /** The core may have other members than before: the nodes that this one has to know of follow them. */
  membersMayHaveChanged(hosted: HostedGroup): void {
    const { node, sharedWith, covering } = hosted
    const { tracker } = node.raft
    if (tracker.members !== sharedWith) {
      for (const { id } of tracker.members) this.liveness.shares(id, 1)
      for (const { id } of sharedWith) this.liveness.shares(id, -1)
      hosted.sharedWith = tracker.members
      // What a member promised that left says nothing of its next time here.
      for (const id of covering) if (tracker.get(id) === undefined) covering.delete(id)
      hosted.wasMember ||= isMemberItself(hosted)
      if (node.role === 'leader') this.wake(hosted)
    }
    if (!belongs(hosted)) this.orphans.remove(hosted)
    else if (node.lead === NONE && hosted.asleep && !this.orphans.has(hosted)) this.orphans.add(hosted, true)
  }

  /** Another member knows that we are none any more. */
  toldRemoved(hosted: HostedGroup): void {
    const { node } = hosted
    if (node.lead !== NONE) return
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
    this.#endDoubts()
    let left = MAX_WOKEN_PER_TICK
    for (const hosted of this.#toWake) {
      if (left-- === 0) break
      this.#toWake.delete(hosted)
      if (hosted.node.role === 'leader') this.wake(hosted)
    }
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
    const { lead } = hosted.node
    if (this.#lostPeers.has(lead)) this.#lose(hosted, lead)
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
    if (wake || (hosted.asleep && !this.#isSettled(hosted))) this.wake(hosted)
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
    if (received.sleepTerm > 0 && this.#maySleep(hosted, peer, received)) this.#sleep(hosted)
  }

  #maySleep({ node, boundTo }: HostedGroup, peer: number, { sleepTerm, sleepIndex }: GroupMessages): boolean {
    const { log } = node.raft
    if (node.role !== 'follower' || node.lead !== peer || node.term !== sleepTerm) return false
    if (log.committed !== sleepIndex || log.lastIndex() !== sleepIndex) return false
    // Else nobody here would notice the leader's end.
    return boundTo === peer && this.liveness.supports(peer)
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

  lost(peer: number, isOver: boolean): void {
    const isSure = isOver || !this.liveness.isUp(peer)
    this.#lostPeers.set(peer, this.#options.nowMs() + (isSure ? 0 : DOUBT_MS))
    this.#loseAll(peer, hosted => !hosted.asleep)
    if (!isOver) return
    this.#loseAll(peer, () => true)
    // Its next life leads nothing, and whoever supports it has promised nothing to the one that led.
    for (const hosted of this.#options.groups()) {
      if (hosted.boundTo === peer) hosted.boundTo = 0
      if (hosted.lostLeader === peer) hosted.lostLeader = 0
    }
  }

  /** The channels to it broke: whoever is lost as well does not come back in a moment. */
  peerDown(peer: number): void {
    this.liveness.peerDown(peer)
    if (this.#lostPeers.has(peer)) this.#lostPeers.set(peer, this.#options.nowMs())
  }

  /** It may go on in the groups that it led and that were given up, but in which nothing was done against it yet. */
  found(peer: number): void {
    this.#lostPeers.delete(peer)
    for (const hosted of this.orphans.waiting()) {
      if (hosted.boundTo !== peer || hosted.lostLeader !== peer) continue
      this.orphans.remove(hosted)
      hosted.lostLeader = 0
      this.wake(hosted)
      this.#options.note(hosted, peer, { wake: true })
    }
  }

  unsupported(peer: number): void {
    this.#silentPeers.set(peer, this.#options.nowMs() + DOUBT_MS)
  }

  #endDoubts(): void {
    const nowMs = this.#options.nowMs()
    for (const [peer, dueMs] of this.#lostPeers) {
      if (nowMs < dueMs) continue
      this.#lostPeers.delete(peer)
      this.#loseAll(peer, () => true)
    }
    for (const [peer, dueMs] of this.#silentPeers) {
      if (nowMs < dueMs) continue
      this.#silentPeers.delete(peer)
      if (!this.#isThere(peer, nowMs)) this.#wakeWithoutQuorum(peer, nowMs)
    }
  }

  /** Those with traffic first. */
  #loseAll(peer: number, which: (hosted: HostedGroup) => boolean): void {
    const groups: HostedGroup[] = []
    for (const hosted of this.#options.groups()) {
      if (hosted.node.role !== 'leader' && hosted.node.lead === peer && which(hosted)) groups.push(hosted)
    }
    groups.sort((a, b) => b.lastActiveMs - a.lastActiveMs)
    for (const hosted of groups) this.#lose(hosted, peer)
  }

  #lose(hosted: HostedGroup, peer: number): void {
    if (this.orphans.has(hosted)) return
    hosted.lostLeader = peer
    hosted.node.forgetLeader()
    this.#orphan(hosted, true)
    this.#options.changed(hosted)
  }

  /** As a leader: the quorum check of each decides. */
  #wakeWithoutQuorum(peer: number, nowMs: number): void {
    for (const hosted of this.#options.groups()) {
      const { node } = hosted
      if (node.role !== 'leader' || !hosted.asleep || node.raft.tracker.get(peer) === undefined) continue
      if (!hasQuorum(node.raft.tracker.config, voter => this.#isThere(voter, nowMs))) this.#toWake.add(hosted)
    }
  }

  supportedAnew(peer: number): void {
    for (const hosted of this.#options.groups()) {
      if (hosted.node.role !== 'leader' || hosted.node.raft.tracker.get(peer) === undefined) continue
      hosted.covering.delete(peer)
      this.#toWake.add(hosted)
    }
  }

  changed(): void {
    this.orphans.scanSoon()
  }

  #tickLeader(hosted: HostedGroup): void {
    hosted.node.tick()
    if (++hosted.quietTicks < SLEEP_AFTER_TICKS) return
    const { node } = hosted
    leaveJoint(hosted)
    if (!this.#isSettled(hosted)) return
    const nowMs = this.#options.nowMs()
    for (const { id } of node.raft.tracker.members) {
      if (id === this.#options.self || !this.#isThere(id, nowMs)) continue
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
    const { lead } = hosted.node
    if (this.#lostPeers.has(lead)) this.#lose(hosted, lead)
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

  /** As a leader: everybody who is there has everything, and is covered by its node's support for ours. */
  #isSettled(hosted: HostedGroup): boolean {
    const { node, covering, proposals, lastStep, applied } = hosted
    const { log, tracker, leadTransferee } = node.raft
    const last = log.lastIndex()
    if (log.committed !== last || applied !== last || lastStep !== undefined) return false
    if (tracker.config.votersOutgoing.length > 0) return false
    if (node.role !== 'leader' || leadTransferee !== NONE || proposals.payloads.length > 0) return false
    const nowMs = this.#options.nowMs()
    for (const { id, state, match } of tracker.members) {
      if (id === this.#options.self || !this.#isThere(id, nowMs)) continue
      if (state !== 'replicate' || match !== last || !covering.has(id)) return false
    }
    return hasQuorum(tracker.config, voter => this.#isThere(voter, nowMs))
  }

  /** It supports us. Who doesn't is dead or cut off, and keeps no group awake: it is seen to when it comes back. */
  #isThere(member: number, nowMs: number): boolean {
    return member === this.#options.self || nowMs < this.liveness.supportedUntilMs(member)
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
