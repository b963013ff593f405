import { SortedBytes } from '../../storage/sorted-bytes.ts'
import type { StoreOp } from '../../storage/store.ts'
import { StoreError } from '../../storage/store-error.ts'
import type { SimRandom } from './random.ts'
import type { Simulation } from './simulation.ts'

export interface DiskOptions {
  /** Time of a write that is not synced, of a synced one, and of a read. */
  writeMs: number
  syncMs: number
  readMs: number
  /** A write takes up to this many times as long, at random. */
  jitter: number
  bytesPerMs: number
  capacityBytes: number
  /** On a crash a random number of the oldest unsynced batches survive, as when the kernel wrote them back by itself. */
  keepsUnsyncedPrefix: boolean
  /** The disk lies: it answers a sync without having done it. */
  losesSyncs: boolean
  /** A crash may cut the last surviving batch in the middle, so that it isn't atomic any more. */
  tearsWrites: boolean
  /** Part of the reads that come back with a flipped bit. */
  flipRate: number
  /** Part of the writes that fail with an I/O error. */
  writeErrorRate: number
  /** Part of the synced writes that stall, and for how long. */
  stallRate: number
  stallMs: number
}

const DEFAULTS: DiskOptions = {
  writeMs: 0.05,
  syncMs: 1,
  readMs: 0.1,
  jitter: 2,
  bytesPerMs: 200_000,
  capacityBytes: 1 << 30,
  keepsUnsyncedPrefix: false,
  losesSyncs: false,
  tearsWrites: false,
  flipRate: 0,
  writeErrorRate: 0,
  stallRate: 0,
  stallMs: 500,
}

/**
 * What outlives a crash. `visible` is what a read sees; `durable` is what was synced. A synced write makes all writes
 * before it durable too, as LevelDB's log does.
 */
export class SimDisk {
  readonly options: DiskOptions
  /** It has lost what it said it had, or tore it: whoever starts on it knows that. */
  isDamaged = false
  /** Set by the node: called when the disk has reached the write at which the test wants a crash. */
  onCrashPoint: () => void = () => {}
  readonly #simulation: Simulation
  readonly #random: SimRandom
  readonly #name: string
  #durable = new SortedBytes()
  #visible = new SortedBytes()
  #unsynced: { readonly ops: readonly StoreOp[]; readonly saidSynced: boolean }[] = []
  #inFlight: readonly StoreOp[] | undefined
  #hasFlipped = false
  #lost: SortedBytes[] = []
  #usedBytes = 0
  #writes = 0
  #crashAtWrite = 0

  constructor(simulation: Simulation, name: string, options: Partial<DiskOptions> = {}) {
    this.options = { ...DEFAULTS, ...options }
    this.#simulation = simulation
    this.#name = name
    this.#random = simulation.random.fork(`disk ${name}`)
  }

  /** Batches handed to this disk so far. */
  get writes(): number {
    return this.#writes
  }

  get visible(): SortedBytes {
    return this.#visible
  }

  /** What a power cut at this moment would leave. */
  get durable(): SortedBytes {
    return this.#durable
  }

  /** The process crashes while the `fromNow`-th batch from now is under way; whether that batch survives is left to the seed. */
  crashAtWrite(fromNow: number): void {
    this.#crashAtWrite = this.#writes + fromNow
  }

  get isEmpty(): boolean {
    return this.#visible.size === 0
  }

  /** It has given back something else than what was written. */
  get hasFlipped(): boolean {
    return this.#hasFlipped
  }

  /** What it has said to be durable, be it so or not. */
  get acknowledged(): SortedBytes {
    return this.#unsynced.some(({ saidSynced }) => saidSynced) ? this.#visible : this.#durable
  }

  /** What it had said to be durable before it lost that, and what the disks had in whose place it stands. */
  get lost(): readonly SortedBytes[] {
    return this.#lost
  }

  /** Puts this on it, with nobody running on it: durable at once. */
  install(ops: readonly StoreOp[]): void {
    applyOps(this.#durable, ops)
    applyOps(this.#visible, ops)
  }

  /** As a new disk. A node that restarts on it has forgotten everything, its votes too. */
  wipe(): void {
    this.replace()
    this.#simulation.countFault('wiped-disk')
  }

  replace(): void {
    if (!this.isEmpty) this.#lost.push(this.acknowledged)
    this.isDamaged = false
    this.#hasFlipped = false
    this.#durable = new SortedBytes()
    this.#visible = new SortedBytes()
    this.#unsynced = []
    this.#usedBytes = 0
  }

  /** Virtual milliseconds that this batch takes; it stays in flight until `finish`. */
  begin(ops: readonly StoreOp[], sync: boolean): number {
    const options = this.options
    this.#inFlight = ops
    this.#writes++
    let ms = (sync ? options.syncMs : options.writeMs) * this.#random.between(1, Math.max(1, options.jitter))
    ms += sizeOf(ops) / options.bytesPerMs
    if (sync && this.#random.chance(options.stallRate)) {
      this.#simulation.countFault('disk-stall')
      ms += options.stallMs
    }
    return ms
  }

  /** True when the test's crash point is reached by the batch that has just begun. */
  atCrashPoint(): boolean {
    return this.#crashAtWrite > 0 && this.#writes >= this.#crashAtWrite
  }

  finish(ops: readonly StoreOp[], sync: boolean): StoreError | undefined {
    this.#inFlight = undefined
    const error = this.#refusal(ops)
    if (error !== undefined) return error
    this.#usedBytes += sizeOf(ops)
    applyOps(this.#visible, ops)
    this.#unsynced.push({ ops, saidSynced: sync })
    if (sync && !this.options.losesSyncs) this.#settle(this.#unsynced.length)
    return undefined
  }

  readMs(): number {
    return this.options.readMs
  }

  /** A copy of a value as the disk gives it back, sometimes with a flipped bit. */
  read(value: Uint8Array): Uint8Array {
    const copy = value.slice()
    if (copy.length > 0 && this.#random.chance(this.options.flipRate)) {
      copy[this.#random.below(copy.length)]! ^= 1 << this.#random.below(8)
      this.#simulation.countFault('flipped-bit')
      this.#hasFlipped = true
    }
    return copy
  }

  crash(): void {
    this.#crashAtWrite = 0
    if (this.#inFlight !== undefined) {
      this.#simulation.countFault('crash-during-write')
      this.#unsynced.push({ ops: this.#inFlight, saidSynced: false })
      if (this.#random.chance(0.5)) this.#settle(this.options.losesSyncs ? 0 : this.#unsynced.length)
      this.#inFlight = undefined
    }
    if (this.options.keepsUnsyncedPrefix) this.#settle(this.#random.below(this.#unsynced.length + 1))
    if (this.options.tearsWrites) this.#tear()
    if (this.#unsynced.length > 0) this.#simulation.countFault('lost-unsynced-writes')
    if (this.#unsynced.some(({ saidSynced }) => saidSynced)) {
      this.#lost.push(this.#visible)
      this.#simulation.countFault('lost-sync')
      this.isDamaged = true
    }
    this.#unsynced = []
    this.#visible = this.#durable.copy()
  }

  #tear(): void {
    const next = this.#unsynced[0]?.ops
    if (next === undefined || next.length < 2) return
    applyOps(this.#durable, next.slice(0, 1 + this.#random.below(next.length - 1)))
    this.#simulation.countFault('torn-write')
    this.isDamaged = true
  }

  #settle(batches: number): void {
    for (const { ops } of this.#unsynced.splice(0, batches)) applyOps(this.#durable, ops)
  }

  #refusal(ops: readonly StoreOp[]): StoreError | undefined {
    if (this.#usedBytes + sizeOf(ops) > this.options.capacityBytes) {
      this.#simulation.countFault('disk-full')
      return new StoreError('full', this.#name, `The disk of ${this.#name} is full.`)
    }
    if (this.#random.chance(this.options.writeErrorRate)) {
      this.#simulation.countFault('io-error')
      return new StoreError('io', this.#name, `The disk of ${this.#name} failed to write.`)
    }
    return undefined
  }
}

/** The store has copied them already. */
function applyOps(entries: SortedBytes, ops: readonly StoreOp[]): void {
  for (const { key, value } of ops) {
    if (value === undefined) entries.delete(key)
    else entries.set(key, value)
  }
}

function sizeOf(ops: readonly StoreOp[]): number {
  let bytes = 0
  for (const op of ops) bytes += op.key.length + (op.value?.length ?? 0)
  return bytes
}
