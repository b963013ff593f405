import { copyBytes } from './bytes.ts'
import { SortedBytes } from './sorted-bytes.ts'
import type { Store, StoreEntry, StoreOp, StoreRange } from './store.ts'
import { StoreError } from './store-error.ts'

/** A store that forgets when it is dropped; for tests and tools. Reads see a write as soon as `write` returned. */
export class MemoryStore implements Store {
  readonly #entries = new SortedBytes()
  #closed = false

  write(ops: readonly StoreOp[], _options: { sync: boolean }, done: (error?: Error) => void): void {
    if (this.#closed) {
      queueMicrotask(() => done(closedError()))
      return
    }
    applyOps(this.#entries, ops)
    queueMicrotask(() => done())
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    return this.#entries.get(key)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#checkOpen()
    return keys.map(key => this.#entries.get(key))
  }

  async *range(range: StoreRange): AsyncIterable<StoreEntry> {
    this.#checkOpen()
    yield* this.#entries.slice(range)
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError()
  }
}

/** Applies one batch. Copies what it keeps, as a disk does, so that the writer may use its buffers again. */
function applyOps(entries: SortedBytes, ops: readonly StoreOp[]): void {
  for (const op of ops) {
    if (op.value === undefined) entries.delete(op.key)
    else entries.set(copyBytes(op.key), copyBytes(op.value))
  }
}

function closedError(): StoreError {
  return new StoreError('closed', '', 'The store in memory was closed; open a new one.')
}
