import type { StoreOp } from '../../storage/store.ts'
import { isTransfer } from '../raft/election.ts'
import { RaftFault } from '../raft/fault.ts'
import { names } from '../raft/tracker/config.ts'
import { EntryType, type Message, MessageType, NONE, newMessage, type Ready } from '../raft/types.ts'
import { Clocks } from './clocks.ts'
import { holdsLease, isBound } from './cover.ts'
import { DiskWatch } from './disk-watch.ts'
import { EffectsBuilder } from './effects.ts'
import { decodeFrame, encodeLiveness, type GroupMessages, type Notes } from './frame.ts'
import { type CoreSettings, type HostedGroup, openGroup, type PersistStep } from './hosted-group.ts'
import { FROM_PEERS } from './lanes.ts'
import { Outbox } from './outbox.ts'
import { type RecoveredGroup, snapshotOp } from './raft-disk.ts'
import { statusOf } from './status.ts'
import {
  type CompactResult,
  DEFAULT_LIMITS,
  type Effects,
  GroupError,
  type GroupHostOptions,
  type GroupOptions,
  type GroupStatus,
  type Proposed,
  TICK_MS,
  type WriteEffect,
} from './types.ts'
import { WriteQueue } from './write-queue.ts'

const DEFAULT_HEARTBEAT_MS = 50
const DEFAULT_ELECTION_MS = 250
const DEFAULT_DISK_STALL_MS = 1000
/** Commit indexes that nothing else has carried to the disk are written this often. */
const LAZY_WRITE_TICKS = 20

/**
 * A follower that was sent a snapshot is asked this often where it is. The offer, the answer or the word of a failure
 * may have been lost with a channel, and nothing else would ever move the leader on.
 */
const SNAPSHOT_PROBE_TICKS = 200

/** A full bulk lane is tried again this often, should nobody say that it has drained. */
const DRAIN_TICKS = 10

/**
 * All Raft groups of one node. Pure: calls put things in, `takeEffects` takes out what is to be done, `persisted` says
 * that a write is durable. Only numbers, strings and bytes cross its boundary.
 *
 * What a message promises is on disk before the message leaves: votes and acks wait for the batch that holds them. A
 * leader's appends promise nothing, and leave while its own copy is still being written (Raft thesis, 10.2.1).
 */
export class GroupHost {
  readonly #settings: CoreSettings
  readonly #groups = new Map<number, HostedGroup>()
  readonly #dirty = new Set<HostedGroup>()
  readonly #peersUp = new Set<number>()
  readonly #outbox = new Outbox()
  readonly #writes = new WriteQueue()
  readonly #counters = new Map<string, number>()
  readonly #clocks: Clocks
  readonly #disk: DiskWatch
  readonly #nowMs: () => number
  #effects = new EffectsBuilder()
  #stopped = false
  #ticks = 0

  constructor(options: GroupHostOptions) {
    this.#settings = {
      self: options.self,
      random: options.random,
      electionTicks: Math.ceil((options.electionMs ?? DEFAULT_ELECTION_MS) / TICK_MS),
      heartbeatTicks: Math.ceil((options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS) / TICK_MS),
      limits: { ...DEFAULT_LIMITS, ...options.limits },
    }
    const { self, random, electionTicks } = this.#settings
    const nowMs = options.nowMs ?? (() => this.#ticks * TICK_MS)
    this.#nowMs = nowMs
    this.#disk = new DiskWatch(nowMs, options.diskStallMs ?? DEFAULT_DISK_STALL_MS)
    this.#clocks = new Clocks({
      self,
      random,
      electionTicks,
      nowMs,
      promisedMs: options.promisedMs ?? 0,
      planted: options.planted,
      contain: (hosted, run) => this.#contain(hosted, run),
      groups: () => this.#groups.values(),
      changed: hosted => this.#dirty.add(hosted),
      note: (hosted, peer, notes) => this.#note(hosted, peer, notes),
    })
  }

  /** Throws a GroupError when this instance or a newer one is open already, or its parts contradict each other. */
  open(options: GroupOptions, recovered?: RecoveredGroup): void {
    const open = this.#groups.get(options.group)
    if (open !== undefined) {
      const order = options.epoch - open.instance.epoch || options.view - open.instance.view
      const code = order === 0 ? 'already-open' : 'older-instance'
      if (order <= 0) throw new GroupError(code, options.group, `Group ${options.group} is open already.`)
      this.close(options.group)
    }
    const { maxGroups } = this.#settings.limits
    if (this.#groups.size >= maxGroups) {
      throw new GroupError(
        'too-many-groups',
        options.group,
        `This node holds ${maxGroups} groups, its limit.`,
      )
    }
    const group = openGroup(this.#settings, options, recovered)
    const oldest = recovered?.oldestCovered ?? 0
    if (oldest > 0) this.#writes.removeCovered(group.instance, oldest, group.firstStored - 1)
    this.#groups.set(options.group, group)
    this.#clocks.open(group)
    this.#dirty.add(group)
  }

  /** Its records stay on disk. */
  close(group: number): void {
    const hosted = this.#groups.get(group)
    if (hosted === undefined) return
    this.#groups.delete(group)
    this.#dirty.delete(hosted)
    this.#clocks.close(hosted)
    this.#writes.forget(hosted)
  }

  /** `data` is kept, not copied: it must not change any more. */
  propose(group: number, data: Uint8Array): Proposed {
    const hosted = this.#groups.get(group)
    if (this.#stopped) return { ok: false, code: 'stopped', leader: 0 }
    if (hosted === undefined) return { ok: false, code: 'unknown-group', leader: 0 }
    const { node, proposals } = hosted
    const leader = node.lead
    if (node.role !== 'leader') return { ok: false, code: 'not-leader', leader }
    if (data.length > this.#settings.limits.maxEntryBytes) return { ok: false, code: 'too-large', leader }
    if (proposals.payloads.length > 0 && proposals.term !== node.term) proposals.payloads.length = 0
    const over = hosted.uncommittedBytes + data.length > this.#settings.limits.maxUncommittedBytes
    if (node.raft.leadTransferee !== NONE || over) return { ok: false, code: 'busy', leader }
    proposals.term = node.term
    proposals.payloads.push(data)
    hosted.uncommittedBytes += data.length
    this.#clocks.wake(hosted)
    this.#dirty.add(hosted)
    return { ok: true, index: node.raft.log.lastIndex() + proposals.payloads.length, term: node.term }
  }

  /** Bytes that `peer` sent. Whatever they are, they are taken or refused and counted, and never throw. */
  receive(peer: number, frame: Uint8Array): void {
    if (this.#stopped) return
    const decoded = decodeFrame(frame, this.#settings.limits.maxFrameBytes)
    if (typeof decoded === 'string') {
      this.#count(`frame-${decoded}`)
      return
    }
    for (const messages of decoded.groups) this.#receiveForGroup(peer, messages)
    const { liveness } = decoded
    if (liveness !== undefined && !this.#clocks.liveness.receive(peer, liveness))
      this.#count('liveness-malformed')
    // A vote that waited for this word goes out in this turn.
    this.#clocks.orphans.scan()
  }

  peerUp(peer: number): void {
    this.#peersUp.add(peer)
    this.#clocks.liveness.peerUp(peer)
  }

  /** What was under way to it may be lost. */
  peerDown(peer: number): void {
    if (!this.#peersUp.delete(peer)) return
    this.#outbox.drop(peer)
    this.#clocks.peerDown(peer)
    for (const hosted of this.#groups.values()) {
      if (hosted.node.role !== 'leader') continue
      this.#contain(hosted, ({ node }) => {
        node.reportUnreachable(peer)
        node.reportSnapshot(peer, false)
        this.#dirty.add(hosted)
      })
    }
  }

  /** The bulk lane to this peer takes no more for now: what is for it waits here, until `peerDrained`. */
  peerFull(peer: number): void {
    if (this.#peersUp.has(peer)) this.#outbox.hold(peer)
  }

  peerDrained(peer: number): void {
    this.#outbox.drained(peer)
  }

  /** Every TICK_MS of a monotonic clock. */
  tick(): void {
    if (this.#stopped) return
    this.#ticks++
    if (this.#ticks % DRAIN_TICKS === 0) this.#outbox.allDrained()
    if (this.#disk.isStalled !== this.#clocks.diskIsStalled) this.#diskStalls(this.#disk.isStalled)
    this.#clocks.tick()
    if (this.#ticks % SNAPSHOT_PROBE_TICKS > 0) return
    for (const hosted of this.#clocks.awake) this.#contain(hosted, () => this.#probeSnapshots(hosted))
  }

  /** No effects wait to be taken: nothing to send, to write or to hand out. */
  get isQuiet(): boolean {
    if (this.#dirty.size > 0 || this.#clocks.awake.size > 0 || this.#ticks % LAZY_WRITE_TICKS === 0)
      return false
    if (this.#outbox.isWaiting || this.#writes.isWaiting) return false
    return !this.#clocks.liveness.isDue && !this.#disk.probeIsDue
  }

  /** An input waits for this group: a leader that ignores it is to be found out. */
  expectProgress(group: number): void {
    const hosted = this.#groups.get(group)
    if (hosted !== undefined && !this.#stopped) this.#clocks.expectProgress(hosted)
  }

  /**
   * Whether nobody, at this moment, can lead this group in a later term: what this node has applied is the newest state
   * that anybody can have seen. It rests on clocks that drift apart by less than MAX_DRIFT.
   */
  holdsLease(group: number): boolean {
    const hosted = this.#groups.get(group)
    if (hosted === undefined || this.#stopped) return false
    return holdsLease(hosted, this.#clocks.liveness, this.#settings.self, this.#nowMs())
  }

  /** Asks the leader, which this node must be, to hand over to a member that is up to date or nearly so. */
  transfer(group: number, to: number): void {
    const hosted = this.#groups.get(group)
    if (hosted === undefined || this.#stopped) return
    this.#contain(hosted, ({ node }) => {
      this.#submitProposals(hosted)
      hosted.transferTerm = node.term
      node.transferLeader(to)
      this.#clocks.wake(hosted)
      this.#dirty.add(hosted)
    })
  }

  /**
   * Drops the log up to `index`, of which the caller has kept the state and described it by `meta`: small bytes, which
   * a follower that is further behind will be sent.
   */
  compact(group: number, index: number, meta: Uint8Array): CompactResult {
    const hosted = this.#groups.get(group)
    if (this.#stopped) return { ok: false, code: 'stopped' }
    if (hosted === undefined) return { ok: false, code: 'unknown-group' }
    if (index > hosted.applied) return { ok: false, code: 'not-applied' }
    if (index < hosted.firstStored) return { ok: false, code: 'already-compacted' }
    const { log, instance } = hosted
    log.createSnapshot(index, log.initialState().confState, meta)
    log.compact(index)
    this.#writes.addOps([snapshotOp(instance, log.snapshot()!)])
    this.#writes.removeCovered(instance, hosted.firstStored, index)
    hosted.firstStored = index + 1
    return { ok: true }
  }

  /**
   * The state that was offered at `index` has been fetched and verified: the group may go on from it. `ops` are
   * written in one batch with Raft's own record of it. False when the offer is gone.
   */
  snapshotReady(group: number, index: number, ops: readonly StoreOp[] = []): boolean {
    const hosted = this.#groups.get(group)
    const offer = hosted?.offer
    if (hosted === undefined || offer?.snapshot?.index !== index || this.#stopped) return false
    hosted.offer = undefined
    hosted.offerOps = ops
    this.#contain(hosted, () => this.#step(hosted, offer))
    return true
  }

  /** The state that was offered could not be had; the leader is told, and will offer again. */
  snapshotFailed(group: number, index: number): void {
    const hosted = this.#groups.get(group)
    const offer = hosted?.offer
    if (hosted === undefined || offer?.snapshot?.index !== index) return
    hosted.offer = undefined
    if (this.#peersUp.has(offer.from)) {
      this.#outbox.addNotes(offer.from, 1, hosted.instance, { snapshotFailed: index })
    }
  }

  status(group: number): GroupStatus | undefined {
    const hosted = this.#groups.get(group)
    return hosted && statusOf(hosted)
  }

  groups(): number[] {
    return [...this.#groups.keys()]
  }

  /** What was refused, ignored or dropped since the start, by code. */
  counters(): ReadonlyMap<string, number> {
    return this.#counters
  }

  /** Groups that are ticked now. */
  get awakeGroups(): number {
    return this.#clocks.awake.size
  }

  /** Messages of groups that have left for peers so far; what nodes say of their liveness does not count. */
  get messagesSent(): number {
    return this.#outbox.messages
  }

  /** After a failed write: it hosts nothing any more, since nothing more can be kept. */
  stop(): void {
    this.#stopped = true
    this.#groups.clear()
    this.#dirty.clear()
    this.#outbox.clear()
    this.#effects = new EffectsBuilder()
  }

  /**
   * All that is to be done now.
   * @param flush a batch even if Raft needs none, since the caller has ops to add
   * @param all false keeps back what tells a follower of a commit index and nothing else; it goes with the next frame
   */
  takeEffects(flush = false, all = true): Effects {
    if (this.#stopped) return this.#effects.take([], undefined)
    for (const hosted of this.#dirty) this.#contain(hosted, () => this.#drain(hosted))
    this.#dirty.clear()
    const write = this.#takeWrite(flush)
    const frames = this.#outbox.takeFrames(this.#settings.limits.maxFrameBytes, all)
    // Last: what it promises is without the groups that the frames before it have taken out.
    for (const { peer, message } of this.#clocks.liveness.takeMessages()) {
      frames.push({ peer, lane: 0, frame: encodeLiveness(message) })
    }
    return this.#effects.take(frames, write)
  }

  /** The write of this cycle is durable (or, if it asked for no sync, done). */
  persisted(cycle: number): void {
    if (this.#stopped) return
    const written = this.#writes.persisted(cycle)
    if (written === undefined)
      throw new GroupError('unknown-cycle', 0, `No write of cycle ${cycle} is in flight.`)
    this.#disk.ended()
    this.#clocks.liveness.remembered(written.promisedMs)
    for (const step of written.steps) this.#contain(step.group, () => this.#stored(step))
  }

  /** A core that contradicts itself ends its own group, before anything that followed from it leaves, and no other. */
  #contain(hosted: HostedGroup, run: (hosted: HostedGroup) => void): void {
    try {
      run(hosted)
    } catch (error) {
      if (!(error instanceof RaftFault)) throw error
      const { group } = hosted.instance
      this.close(group)
      this.#count('raft-fault')
      this.#effects.fault({ group, code: error.code, message: error.message })
    }
  }

  #takeWrite(flush: boolean): WriteEffect | undefined {
    const { liveness } = this.#clocks
    const promisedMs = liveness.takeToRemember()
    if (promisedMs > 0) this.#writes.remember(promisedMs)
    else if (this.#disk.probeIsDue) this.#writes.remember(liveness.promisedMs)
    const write = this.#writes.take(flush, this.#ticks % LAZY_WRITE_TICKS === 0)
    if (write !== undefined) this.#disk.began()
    return write
  }

  /** What can't be written can't be led: others may, as soon as our node's support runs out. */
  #diskStalls(stalled: boolean): void {
    this.#clocks.diskIsStalled = stalled
    if (!stalled) return
    this.#count('disk-stalled')
    for (const hosted of this.#groups.values()) {
      if (hosted.node.role !== 'leader') continue
      hosted.node.stepDown()
      this.#dirty.add(hosted)
    }
  }

  #stored(step: PersistStep): void {
    const { group, append } = step
    if (this.#groups.get(group.instance.group) !== group) return
    const { snapshot } = append
    if (snapshot !== undefined) {
      group.log.applySnapshot(snapshot)
      group.applied = snapshot.index
      const { index, term, data } = snapshot
      this.#effects.installed(group.instance.group, index, term, data)
    }
    if (append.entries.length > 0) group.log.append(append.entries)
    this.#respond(group, append.responses)
    this.#respond(group, step.later)
  }

  #respond(hosted: HostedGroup, responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === this.#settings.self) hosted.node.step(response)
      else this.#send(hosted, response)
    }
    this.#dirty.add(hosted)
  }

  #receiveForGroup(peer: number, received: GroupMessages): void {
    const hosted = this.#groups.get(received.group)
    if (hosted === undefined) {
      this.#count('unknown-group')
      return
    }
    const order = received.epoch - hosted.instance.epoch || received.view - hosted.instance.view
    if (order !== 0) {
      this.#count(order < 0 ? 'older-instance' : 'newer-instance')
      return
    }
    if (!isMember(hosted, peer)) {
      this.#count('not-member', Math.max(1, received.messages.length))
      return
    }
    this.#contain(hosted, ({ node }) => {
      for (const message of received.messages) this.#receiveMessage(peer, hosted, message)
      if (received.snapshotFailed > 0) node.reportSnapshot(peer, false)
      this.#clocks.received(hosted, peer, received)
      this.#dirty.add(hosted)
    })
  }

  #receiveMessage(peer: number, hosted: HostedGroup, message: Message): void {
    if (message.from !== peer) {
      this.#count('wrong-sender')
    } else if (!FROM_PEERS.has(message.type)) {
      this.#count('unexpected-type')
    } else if (message.type === MessageType.Snap && this.#wantsState(hosted, message)) {
      this.#offer(peer, hosted, message)
    } else if (this.#isWithheld(hosted, message)) {
      this.#count('withheld-vote')
      this.#clocks.withheldVote(hosted)
    } else {
      this.#step(hosted, message)
    }
  }

  /** While our node's support for the leader stands, only the leader itself can have somebody else elected. */
  #isWithheld(hosted: HostedGroup, { type, context }: Message): boolean {
    const asksForVote = type === MessageType.Vote || type === MessageType.PreVote
    if (!asksForVote || isTransfer(context)) return false
    return isBound(hosted, this.#clocks.liveness, this.#nowMs())
  }

  /** A snapshot that the core might take needs its state first; any other one the core answers by itself. */
  #wantsState(hosted: HostedGroup, message: Message): boolean {
    const index = message.snapshot?.index ?? 0
    return message.term >= hosted.node.term && index > hosted.node.raft.log.committed
  }

  /** One at a time: a later offer waits until the daemon is done with this one, and the leader asks again. */
  #offer(peer: number, hosted: HostedGroup, message: Message): void {
    const { index, term, data } = message.snapshot!
    const known = hosted.offer?.snapshot
    if (known !== undefined && known.index !== index) return
    hosted.offer = message
    if (known !== undefined) return
    this.#effects.offered({ group: hosted.instance.group, from: peer, index, term, meta: data })
  }

  #probeSnapshots(hosted: HostedGroup): void {
    if (hosted.node.role !== 'leader') return
    for (const { id, state } of hosted.node.raft.tracker.members) {
      if (state === 'snapshot') hosted.node.reportSnapshot(id, false)
    }
  }

  #step(hosted: HostedGroup, message: Message): void {
    const asksForVote = message.type === MessageType.PreVote || message.type === MessageType.Vote
    if (asksForVote) this.#clocks.beforeVote(hosted, message.type === MessageType.Vote)
    const result = hosted.node.step(message)
    if (!result.ok) this.#count(`refused-${result.code}`)
    this.#dirty.add(hosted)
    if (asksForVote) this.#wasAsked(hosted, message)
  }

  /** A candidate that has all that is here is left its time; one that hasn't can't win, and costs no time. */
  #wasAsked(hosted: HostedGroup, candidate: Message): void {
    const { raft } = hosted.node
    if (raft.lead !== NONE) return
    const { orphans } = this.#clocks
    if (raft.log.isUpToDate(candidate.index, candidate.logTerm)) orphans.leaveTo(hosted, candidate.from)
    else orphans.standNow(hosted)
  }

  #submitProposals(hosted: HostedGroup): void {
    const { proposals, node } = hosted
    if (proposals.payloads.length === 0) return
    const payloads = proposals.payloads.splice(0)
    const leads = node.role === 'leader' && node.term === proposals.term
    // One message of all, so that they also make one append to each peer.
    const message = newMessage(MessageType.Prop, this.#settings.self)
    message.from = this.#settings.self
    message.entries = payloads.map(data => ({ term: 0, index: 0, type: EntryType.Normal, data }))
    const result = leads ? node.step(message) : undefined
    if (result?.ok !== true) this.#count('lost-proposal', payloads.length)
  }

  #drain(hosted: HostedGroup): void {
    this.#submitProposals(hosted)
    while (hosted.node.hasReady()) this.#handle(hosted, hosted.node.ready())
    hosted.offerOps = []
    this.#reportRole(hosted)
  }

  #handle(hosted: HostedGroup, ready: Ready): void {
    for (const message of ready.messages) {
      if (message.type === MessageType.StorageAppend) {
        if (!this.#writes.add(hosted, message)) this.#respond(hosted, message.responses)
      } else if (message.type === MessageType.StorageApply) this.#commit(hosted, message)
      else this.#send(hosted, message)
    }
  }

  #commit(hosted: HostedGroup, apply: Message): void {
    const { entries } = apply
    this.#effects.committed(hosted.instance.group, entries)
    const { term } = hosted.proposals
    for (const entry of entries) if (entry.term === term) hosted.uncommittedBytes -= entry.data.length
    hosted.applied = entries[entries.length - 1]!.index
    hosted.quietTicks = 0
    this.#respond(hosted, apply.responses)
  }

  #reportRole(hosted: HostedGroup): void {
    const { role, term, lead: leader } = hosted.node
    const last = hosted.reported
    if (last.role === role && last.term === term && last.leader === leader) return
    if (role !== 'leader' || term !== last.term) hosted.uncommittedBytes = 0
    hosted.reported = { group: hosted.instance.group, role, term, leader }
    this.#clocks.roleChanged(hosted)
    this.#effects.role(hosted.reported)
  }

  #send(hosted: HostedGroup, message: Message): void {
    if (this.#peersUp.has(message.to)) {
      this.#outbox.add(hosted.instance, message, this.#coverFor(hosted, message))
      return
    }
    this.#count('peer-down')
    if (message.type === MessageType.Snap) hosted.node.reportSnapshot(message.to, false)
  }

  /** A heartbeat's answer says whether our node's support for the leader's covers this group. */
  #coverFor(hosted: HostedGroup, { type, to }: Message): Notes | undefined {
    if (type !== MessageType.HeartbeatResp || hosted.boundTo !== to) return undefined
    return { support: this.#clocks.liveness.epochFor(to) }
  }

  #note(hosted: HostedGroup, peer: number, notes: Notes): void {
    if (this.#peersUp.has(peer)) this.#outbox.addNotes(peer, 0, hosted.instance, notes)
  }

  #count(code: string, by = 1): void {
    this.#counters.set(code, (this.#counters.get(code) ?? 0) + by)
  }
}

/**
 * The core takes the lead of whoever proves a higher term, since it can't know of a change that it hasn't applied. A
 * replica that was opened without members, to be added, learns them from its leader.
 */
function isMember({ node }: HostedGroup, peer: number): boolean {
  const { config } = node.raft.tracker
  return config.voters.length === 0 || names(config, peer)
}
