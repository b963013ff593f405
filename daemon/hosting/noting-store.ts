import type { Store, StoreOp, StoreRange } from '../../storage/store.ts'
import type { Clock } from '../ports.ts'

/** The same store, but whoever put ops into a batch is told when they can be read back. */
export class NotingStore implements Store {
  readonly #store: Store
  readonly #clock: Clock
  #written: (() => void)[] = []
  #writingSinceMs: number | undefined

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Called after the batch that is written next. */
  onWritten(tell: () => void): void {
    this.#written.push(tell)
  }

  /** How long the disk has been busy with the write that is under way. */
  get busyMs(): number {
    return this.#writingSinceMs === undefined ? 0 : this.#clock.monotonicMs() - this.#writingSinceMs
  }

  write(ops: readonly StoreOp[], options: { readonly sync: boolean }, done: (error?: Error) => void): void {
    const written = this.#written
    this.#written = []
    this.#writingSinceMs = this.#clock.monotonicMs()
    this.#store.write(ops, options, error => {
      this.#writingSinceMs = undefined
      if (error === undefined) for (const tell of written) tell()
      done(error)
    })
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#store.get(key)
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#store.getMany(keys)
  }

  range(range: StoreRange): ReturnType<Store['range']> {
    return this.#store.range(range)
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}
