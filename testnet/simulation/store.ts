import type { Store, StoreEntry, StoreOp, StoreRange } from '../../storage/store.ts'
import type { SimDisk } from './disk.ts'
import type { Scope } from './scope.ts'
import type { Simulation } from './simulation.ts'

interface QueuedWrite {
  readonly ops: readonly StoreOp[]
  readonly sync: boolean
  readonly done: (error?: Error) => void
}

/** One life's handle on its disk. Writes go one after another and take virtual time; nothing answers after a crash. */
export class SimStore implements Store {
  readonly #simulation: Simulation
  readonly #disk: SimDisk
  readonly #scope: Scope
  readonly #queue: QueuedWrite[] = []
  #busy = false
  #closed: (() => void) | undefined

  constructor(simulation: Simulation, disk: SimDisk, scope: Scope) {
    this.#simulation = simulation
    this.#disk = disk
    this.#scope = scope
  }

  write(ops: readonly StoreOp[], options: { sync: boolean }, done: (error?: Error) => void): void {
    if (!this.#scope.alive) return
    if (this.#closed !== undefined) throw new Error('the store is closed')
    // Copied at once, as a real store does: the caller may use its buffers again.
    const copies = ops.map(op => ({ key: op.key.slice(), value: op.value?.slice() }))
    this.#queue.push({ ops: copies, sync: options.sync, done })
    this.#next()
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#readTime()
    return this.#read(key)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    await this.#readTime()
    return keys.map(key => this.#read(key))
  }

  async *range(range: StoreRange): AsyncIterable<StoreEntry> {
    await this.#readTime()
    for (const { key, value } of this.#disk.visible.slice(range)) yield { key, value: this.#disk.read(value) }
  }

  close(): Promise<void> {
    return new Promise(resolve => {
      this.#closed = resolve
      if (!this.#busy) resolve()
    })
  }

  #read(key: Uint8Array): Uint8Array | undefined {
    const value = this.#disk.visible.get(key)
    return value === undefined ? undefined : this.#disk.read(value)
  }

  #readTime(): Promise<void> {
    const label = `${this.#scope.owner} read`
    return new Promise(resolve => this.#simulation.schedule(this.#scope, this.#disk.readMs(), label, resolve))
  }

  #next(): void {
    const write = this.#queue[0]
    if (this.#busy || write === undefined) return
    this.#busy = true
    const owner = this.#scope.owner
    const ms = this.#disk.begin(write.ops, write.sync)
    if (this.#disk.atCrashPoint()) {
      // An event of its own: a crash in the middle of a synchronous call would let the rest of that call run on.
      this.#simulation.schedule(this.#scope, 0, `${owner} crash point`, () => this.#disk.onCrashPoint())
    }
    this.#simulation.schedule(this.#scope, ms, `${owner} written ${write.ops.length}`, () =>
      this.#written(write),
    )
  }

  #written(write: QueuedWrite): void {
    const error = this.#disk.finish(write.ops, write.sync)
    this.#queue.shift()
    this.#busy = false
    this.#next()
    write.done(error)
    if (!this.#busy) this.#closed?.()
  }
}
