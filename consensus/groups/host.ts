import type { StoreOp } from '../../storage/store.ts'
import { Clocks } from './clocks.ts'
import { holdsLease } from './cover.ts'
import { cyclePersisted, takeCycle, watchDisk } from './cycle.ts'
import { closeForGood, type Departure } from './departures.ts'
import { DiskWatch } from './disk-watch.ts'
import { EffectsBuilder } from './effects.ts'
import { tickHolds } from './holding.ts'
import { coreSettings } from './hosted-group.ts'
import { changeMembers } from './membership.ts'
import { openIn } from './opening.ts'
import { Outbox } from './outbox.ts'
import { contain, type HostParts } from './parts.ts'
import { connected, disconnected } from './peers.ts'
import { propose, transfer } from './proposing.ts'
import type { RecoveredGroup } from './raft-disk.ts'
import { askRead, newReadBook, tickReads } from './reads.ts'
import { receiveFrame, stepGroup } from './receiving.ts'
import { rejoinStatus, tickRejoining } from './rejoin.ts'
import { compactGroup, probeSnapshots, takeOffer } from './snapshot-offers.ts'
import { statusOf } from './status.ts'
import {
  type ChangeMembersResult,
  type CompactResult,
  type Effects,
  type GroupHostOptions,
  type GroupOptions,
  type GroupStatus,
  type Members,
  type Proposed,
  type ReadAsked,
  TICK_MS,
} from './types.ts'
import { WriteQueue } from './write-queue.ts'

const DEFAULT_DISK_STALL_MS = 1000
/** Commit indexes that nothing else has carried to the disk are written this often. */
const LAZY_WRITE_TICKS = 20

/** A follower that was sent a snapshot is asked this often where it is. */
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
  readonly #parts: HostParts
  #stopped = false
  #ticks = 0

  constructor(options: GroupHostOptions) {
    const settings = coreSettings(options)
    const { self, random, electionTicks } = settings
    const nowMs = options.nowMs ?? (() => this.#ticks * TICK_MS)
    const clocks = new Clocks({
      self,
      random,
      electionTicks,
      nowMs,
      promisedMs: options.promisedMs ?? 0,
      contain: (hosted, run) => contain(this.#parts, hosted, run),
      groups: () => this.#parts.groups.values(),
      changed: hosted => this.#parts.dirty.add(hosted),
      note: ({ instance }, peer, notes) => {
        if (this.#parts.peersUp.has(peer)) this.#parts.outbox.addNotes(peer, 0, instance, notes)
      },
      removed: ({ instance }) => this.#parts.effects.removed({ group: instance.group }),
    })
    this.#parts = {
      settings,
      groups: new Map(),
      departed: new Map(),
      dirty: new Set(),
      rejoining: new Set(),
      held: new Set(),
      peersUp: new Set(),
      outbox: new Outbox(),
      writes: new WriteQueue(),
      clocks,
      effects: new EffectsBuilder(),
      disk: new DiskWatch(nowMs, options.diskStallMs ?? DEFAULT_DISK_STALL_MS),
      counters: new Map(),
      reads: newReadBook(random),
      nowMs,
    }
  }

  /** Throws a GroupError when this instance or a newer one is open already, or its parts contradict each other. */
  open(options: GroupOptions, recovered?: RecoveredGroup): void {
    openIn(this.#parts, options, recovered)
  }

  /** Its records stay on disk. What it returns is for `departed`, where it was removed from its group. */
  close(group: number): Departure | undefined {
    return closeForGood(this.#parts, group)
  }

  /** This node has left the group, in this life or an earlier one: it goes on telling what it knew. */
  departed(departure: Departure): void {
    this.#parts.departed.set(departure.group, departure)
  }

  /** `data` is kept, not copied: it must not change any more. */
  propose(group: number, data: Uint8Array): Proposed {
    const hosted = this.#parts.groups.get(group)
    if (this.#stopped) return { ok: false, code: 'stopped', leader: 0 }
    if (hosted === undefined) return { ok: false, code: 'unknown-group', leader: 0 }
    return propose(this.#parts, hosted, data)
  }

  /**
   * Asks, on any member, for the index from which on a state is as new as any that anybody can have seen by now. The answer
   * is an effect with the same `context`; a read that is refused here, lost or timed out may be asked for again.
   */
  read(group: number, context: number): ReadAsked {
    const hosted = this.#parts.groups.get(group)
    if (this.#stopped) return { ok: false, code: 'stopped' }
    if (hosted === undefined) return { ok: false, code: 'unknown-group' }
    return askRead(this.#parts, hosted, context)
  }

  /**
   * These nodes may be members by changes that this replica has not applied yet: they are listened to. Who came later
   * must be introduced to whoever was away meanwhile, and to a new replica.
   */
  introduce(group: number, nodes: readonly number[]): void {
    const hosted = this.#parts.groups.get(group)
    for (const node of nodes) hosted?.introduced.add(node)
  }

  /** The group shall have these members; `members` among the effects says when it has. */
  changeMembers(group: number, members: Members): ChangeMembersResult {
    const hosted = this.#parts.groups.get(group)
    if (this.#stopped) return { ok: false, code: 'stopped', leader: 0 }
    if (hosted === undefined) return { ok: false, code: 'unknown-group', leader: 0 }
    return changeMembers(this.#parts, hosted, members)
  }

  /** Bytes that `peer` sent. Whatever they are, they are taken or refused and counted, and never throw. */
  receive(peer: number, frame: Uint8Array): void {
    if (!this.#stopped) receiveFrame(this.#parts, peer, frame)
  }

  peerUp(peer: number): void {
    connected(this.#parts, peer)
  }

  /** What was under way to it may be lost. */
  peerDown(peer: number): void {
    disconnected(this.#parts, peer)
  }

  /** The bulk lane to this peer takes no more for now: what is for it waits here, until `peerDrained`. */
  peerFull(peer: number): void {
    if (this.#parts.peersUp.has(peer)) this.#parts.outbox.hold(peer)
  }

  peerDrained(peer: number): void {
    this.#parts.outbox.drained(peer)
  }

  /** Every TICK_MS of a monotonic clock. */
  tick(): void {
    if (this.#stopped) return
    this.#ticks++
    this.#parts.outbox.tick()
    if (this.#ticks % DRAIN_TICKS === 0) this.#parts.outbox.allDrained()
    watchDisk(this.#parts)
    tickHolds(this.#parts)
    this.#parts.clocks.tick()
    tickReads(this.#parts)
    tickRejoining(this.#parts, this.#ticks)
    if (this.#ticks % SNAPSHOT_PROBE_TICKS > 0) return
    for (const hosted of this.#parts.clocks.awake) contain(this.#parts, hosted, probeSnapshots)
  }

  /** No effects wait to be taken: nothing to send, to write or to hand out. */
  get isQuiet(): boolean {
    const { dirty, clocks, effects, outbox, writes, disk } = this.#parts
    if (dirty.size > 0 || effects.isWaiting || this.#isLazyTick) return false
    return !outbox.isWaiting && !writes.isWaiting && !clocks.liveness.isDue && !disk.probeIsDue
  }

  /** An input waits for this group: a leader that ignores it is to be found out. */
  expectProgress(group: number): void {
    const hosted = this.#parts.groups.get(group)
    if (hosted !== undefined && !this.#stopped) this.#parts.clocks.expectProgress(hosted)
  }

  /**
   * Whether nobody, at this moment, can lead this group in a later term: what this node has applied is the newest state
   * that anybody can have seen. It rests on clocks that drift apart by less than MAX_DRIFT.
   */
  holdsLease(group: number): boolean {
    const hosted = this.#parts.groups.get(group)
    if (hosted === undefined || this.#stopped) return false
    return holdsLease(hosted, this.#parts.clocks.liveness, this.#parts.settings.self, this.#parts.nowMs())
  }

  /** Asks the leader, which this node must be, to hand over to a member that is up to date or nearly so. */
  transfer(group: number, to: number): void {
    const hosted = this.#parts.groups.get(group)
    // Nobody would vote for the heir.
    if (hosted === undefined || hosted.hold !== undefined || this.#stopped) return
    contain(this.#parts, hosted, () => transfer(this.#parts, hosted, to))
  }

  /**
   * Drops the log up to `index`, of which the caller has kept the state and described it by `meta`: small bytes, which
   * a follower that is further behind will be sent.
   */
  compact(group: number, index: number, meta: Uint8Array): CompactResult {
    const hosted = this.#parts.groups.get(group)
    if (this.#stopped) return { ok: false, code: 'stopped' }
    if (hosted === undefined) return { ok: false, code: 'unknown-group' }
    return compactGroup(this.#parts, hosted, index, meta)
  }

  /**
   * The state that was offered at `index` has been fetched and verified: the group may go on from it. `ops` are
   * written in one batch with Raft's own record of it. False when the offer is gone.
   */
  snapshotReady(group: number, index: number, ops: readonly StoreOp[] = []): boolean {
    const hosted = this.#stopped ? undefined : this.#parts.groups.get(group)
    const offer = hosted && takeOffer(hosted, index)
    if (hosted === undefined || offer === undefined) return false
    hosted.offerOps = ops
    contain(this.#parts, hosted, () => stepGroup(this.#parts, hosted, offer))
    return true
  }

  /** The state that was offered could not be had; the leader is told, and will offer again. */
  snapshotFailed(group: number, index: number): void {
    const hosted = this.#parts.groups.get(group)
    const offer = hosted && takeOffer(hosted, index)
    if (hosted === undefined || offer === undefined || !this.#parts.peersUp.has(offer.from)) return
    this.#parts.outbox.addNotes(offer.from, 1, hosted.instance, { snapshotFailed: index })
  }

  status(group: number): GroupStatus | undefined {
    const hosted = this.#parts.groups.get(group)
    return hosted && statusOf(hosted, rejoinStatus(this.#parts, hosted))
  }

  groups(): number[] {
    return [...this.#parts.groups.keys()]
  }

  /** What was refused, ignored or dropped since the start, by code. */
  counters(): ReadonlyMap<string, number> {
    return this.#parts.counters
  }

  /** Until this node may vote: a promise of its earlier life may stand. 0 from then on. */
  get mutedForMs(): number {
    const { clocks, nowMs } = this.#parts
    return Math.max(0, clocks.liveness.mutedUntilMs - nowMs())
  }

  /** Groups that are ticked now. */
  get awakeGroups(): number {
    return this.#parts.clocks.awake.size
  }

  /** Messages of groups that have left for peers so far; what nodes say of their liveness does not count. */
  get messagesSent(): number {
    return this.#parts.outbox.messages
  }

  /** After a failed write: it hosts nothing any more, since nothing more can be kept. */
  stop(): void {
    this.#stopped = true
    this.#parts.groups.clear()
    this.#parts.dirty.clear()
    this.#parts.outbox.clear()
    this.#parts.effects.take([], undefined)
  }

  /**
   * All that is to be done now.
   * @param flush a batch even if Raft needs none, since the caller has ops to add
   */
  takeEffects(flush = false): Effects {
    if (this.#stopped) return this.#parts.effects.take([], undefined)
    return takeCycle(this.#parts, { flush, lazy: this.#isLazyTick })
  }

  /** The write of this cycle is durable (or, if it asked for no sync, done). */
  persisted(cycle: number): void {
    if (!this.#stopped) cyclePersisted(this.#parts, cycle)
  }

  get #isLazyTick(): boolean {
    return this.#ticks % LAZY_WRITE_TICKS === 0
  }
}
