export interface ByteLimit<T> {
  readonly maxBytes: number
  readonly sizeOf: (item: T) => number
}

/**
 * A first-in-first-out queue with a limit of items and, where they differ in size, of bytes. It counts what it holds and
 * what it turned away.
 */
export class BoundedQueue<T> {
  readonly name: string
  readonly limit: number
  dropped = 0
  sizeBytes = 0
  readonly #bytes: ByteLimit<T> | undefined
  #items: T[] = []
  #head = 0

  constructor(name: string, limit: number, bytes?: ByteLimit<T>) {
    this.name = name
    this.limit = limit
    this.#bytes = bytes
  }

  get length(): number {
    return this.#items.length - this.#head
  }

  /** False when the queue is full: the item was not taken. */
  push(item: T): boolean {
    const sizeBytes = this.#bytes?.sizeOf(item) ?? 0
    const isFull = this.length >= this.limit || this.sizeBytes + sizeBytes > (this.#bytes?.maxBytes ?? 0)
    if (isFull) {
      this.dropped++
      return false
    }
    this.sizeBytes += sizeBytes
    this.#items.push(item)
    return true
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#head]!
    this.sizeBytes -= this.#bytes?.sizeOf(item) ?? 0
    this.#head++
    // Cut the read part off once it is the larger half: amortised O(1), and nothing read is kept alive for long.
    if (this.#head > 1024 || this.#head === this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  drain(): T[] {
    const all = this.#head === 0 ? this.#items : this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    this.sizeBytes = 0
    return all
  }
}
