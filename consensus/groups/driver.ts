import type { Store, StoreOp } from '../../storage/store.ts'
import type { GroupHost } from './host.ts'
import type {
  CommittedEntry,
  GroupFault,
  Lane,
  MembersChange,
  Proposed,
  ReadAsked,
  ReadDone,
  Removal,
  RoleChange,
  SnapshotInstalled,
  SnapshotOffer,
  WriteEffect,
} from './types.ts'

/** Ops of the daemon that no write of Raft has taken along are written by themselves after this many ticks. */
const MAX_WAIT_TICKS = 5

export interface DriverOptions {
  readonly host: GroupHost
  readonly store: Store
  /** Hands a frame to the lane's channel to this peer. False: it is full (see `peerDrained`) or gone. */
  readonly send: (peer: number, lane: Lane, frame: Uint8Array) => boolean
  /** Runs once soon, after everything that is at hand now: `setImmediate`, or an event of the simulator. */
  readonly schedule: (run: () => void) => void
  /** In order, once per life. What the callee writes goes through `addOps`. */
  readonly onCommitted: (group: number, entries: readonly CommittedEntry[]) => void
  readonly onRole: (change: RoleChange) => void
  /** After the commits of the same turn. */
  readonly onRead: (done: ReadDone) => void
  /** After the commits of the same turn. */
  readonly onMembers: (change: MembersChange) => void
  /** Its replica here is of no use to the group any more: to be closed, unless the caller knows better. */
  readonly onRemoved: (removal: Removal) => void
  /** Fetch and verify this state, then call `snapshotReady`, or `snapshotFailed`. */
  readonly onSnapshotOffer: (offer: SnapshotOffer) => void
  readonly onSnapshotInstalled: (installed: SnapshotInstalled) => void
  /** This group was closed, and takes part no more; the others go on. */
  readonly onGroupFault: (fault: GroupFault) => void
  /** Once. The host has stopped: nothing that was not written has been acknowledged, and nothing will be. */
  readonly onStoreFailure: (error: Error) => void
}

export interface DriverCounters {
  readonly frames: number
  readonly frameBytes: number
  /** Frames that `send` answered with false. */
  readonly pushedBack: number
  readonly writes: number
  readonly syncs: number
  readonly committed: number
}

/**
 * Turns the host's effects into deeds, in cycles: frames leave, one batch is written, and when it is durable what
 * waited for it leaves and the next batch goes. Everything that happens in one turn of the event loop, or while a
 * batch is being written, shares the next one (natural batching).
 */
export class GroupDriver {
  readonly #options: DriverOptions
  readonly #host: GroupHost
  readonly #counters = { frames: 0, frameBytes: 0, pushedBack: 0, writes: 0, syncs: 0, committed: 0 }
  #scheduled = false
  #failed = false
  #ops: StoreOp[] = []
  #opsWaitedTicks = 0
  #onSynced: (() => void)[] = []

  constructor(options: DriverOptions) {
    this.#options = options
    this.#host = options.host
  }

  get counters(): DriverCounters {
    return { ...this.#counters }
  }

  propose(group: number, data: Uint8Array): Proposed {
    const proposed = this.#host.propose(group, data)
    if (proposed.ok) this.wake()
    return proposed
  }

  /** Answered by `onRead`, unless it is refused here. */
  read(group: number, context: number): ReadAsked {
    const asked = this.#host.read(group, context)
    if (asked.ok) this.wake()
    return asked
  }

  receive(peer: number, frame: Uint8Array): void {
    this.#host.receive(peer, frame)
    this.wake()
  }

  peerUp(peer: number): void {
    this.#host.peerUp(peer)
    this.wake()
  }

  peerDown(peer: number): void {
    this.#host.peerDown(peer)
    this.wake()
  }

  /** The bulk lane's channel takes frames again. */
  peerDrained(peer: number): void {
    this.#host.peerDrained(peer)
    this.wake()
  }

  /** Every TICK_MS. */
  tick(): void {
    if (this.#ops.length > 0) this.#opsWaitedTicks++
    this.#host.tick()
    if (this.#ops.length > 0 || !this.#host.isQuiet) this.wake()
  }

  /**
   * These are part of the next batch, ahead of Raft's own: what `snapshotReady` brings was decided later, and wins
   * where both write the same key. They need no sync of their own; see `sync`.
   */
  addOps(ops: readonly StoreOp[]): void {
    for (const op of ops) this.#ops.push(op)
  }

  /** Writes what was added so far with a sync, and calls `done` when it is durable; never after a failure. */
  sync(done: () => void): void {
    this.#onSynced.push(done)
    this.wake()
  }

  /** To be called after calling the host directly. */
  wake(): void {
    if (this.#scheduled || this.#failed) return
    this.#scheduled = true
    this.#options.schedule(() => {
      this.#scheduled = false
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#failed) return
    const isDue = this.#onSynced.length > 0 || this.#opsWaitedTicks >= MAX_WAIT_TICKS
    const effects = this.#host.takeEffects(isDue)
    for (const { peer, lane, frame } of effects.send) this.#send(peer, lane, frame)
    // Before the callbacks: somebody waits for this write, and for what they add to the next one nobody does.
    if (effects.write !== undefined) this.#write(effects.write)
    for (const role of effects.roles) this.#options.onRole(role)
    for (const installed of effects.installed) this.#options.onSnapshotInstalled(installed)
    for (const { group, entries } of effects.committed) {
      this.#counters.committed += entries.length
      this.#options.onCommitted(group, entries)
    }
    for (const read of effects.reads) this.#options.onRead(read)
    for (const change of effects.members) this.#options.onMembers(change)
    for (const removal of effects.removed) this.#options.onRemoved(removal)
    for (const offer of effects.offered) this.#options.onSnapshotOffer(offer)
    for (const fault of effects.faults) this.#options.onGroupFault(fault)
  }

  #send(peer: number, lane: Lane, frame: Uint8Array): void {
    this.#counters.frames++
    this.#counters.frameBytes += frame.length
    if (this.#options.send(peer, lane, frame)) return
    this.#counters.pushedBack++
    if (lane === 1) this.#host.peerFull(peer)
  }

  #write(raft: WriteEffect): void {
    const onSynced = this.#onSynced
    const sync = raft.sync || onSynced.length > 0
    const ops = this.#ops
    for (const op of raft.ops) ops.push(op)
    this.#ops = []
    this.#opsWaitedTicks = 0
    this.#onSynced = []
    this.#counters.writes++
    if (sync) this.#counters.syncs++
    this.#options.store.write(ops, { sync }, error => {
      if (error === undefined) this.#written(raft.cycle, onSynced)
      else this.#fail(error)
    })
  }

  #written(cycle: number, onSynced: readonly (() => void)[]): void {
    this.#host.persisted(cycle)
    for (const done of onSynced) done()
    // At once and not by `schedule`: the acks that this write has set free have waited long enough.
    this.#turn()
  }

  #fail(error: Error): void {
    if (this.#failed) return
    this.#failed = true
    this.#host.stop()
    this.#options.onStoreFailure(error)
  }
}
