/** One change to a store. A value of `undefined` deletes the key. */
export interface StoreOp {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

export interface StoreEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Keys k with `from ≤ k < to`, in byte order, or in reverse order. */
export interface StoreRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

/**
 * An ordered map of bytes on a disk. Writes are handed over with a callback and not a promise, so that the hot path
 * has no `await` and a simulator can hold the answer back: what was written with `sync` is durable once `done` was
 * called without an error, and nothing is durable before.
 */
export interface Store {
  /** One atomic batch. `done` is never called before `write` returns. */
  write(ops: readonly StoreOp[], options: { sync: boolean }, done: (error?: Error) => void): void
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  range(range: StoreRange): AsyncIterable<StoreEntry>
  close(): Promise<void>
}
