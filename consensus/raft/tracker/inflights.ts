import { RaftFault } from '../fault.ts'

/**
 * The append messages that are on their way to one follower: a ring of their last indexes and sizes, bounded in
 * messages and in bytes. The ring grows on demand, so that an idle follower costs nothing.
 */
export class Inflights {
  readonly #maxMessages: number
  readonly #maxBytes: number
  #indexes: number[] = []
  #sizes: number[] = []
  #start = 0
  #count = 0
  #bytes = 0

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages
    this.#maxBytes = maxBytes
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The limit in bytes may be passed by one message: a message is let in while there is any room. */
  get full(): boolean {
    return this.#count >= this.#maxMessages || this.#bytes >= this.#maxBytes
  }

  /** A message whose last entry is `lastIndex` was sent; indexes only rise. */
  add(lastIndex: number, sizeBytes: number): void {
    if (this.full) throw new RaftFault('inflights-full', { lastIndex })
    if (this.#count === this.#indexes.length) this.#grow()
    const at = (this.#start + this.#count) % this.#indexes.length
    this.#indexes[at] = lastIndex
    this.#sizes[at] = sizeBytes
    this.#count++
    this.#bytes += sizeBytes
  }

  /** The follower has acknowledged everything up to `index`. */
  freeTo(index: number): void {
    const capacity = this.#indexes.length
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!
      this.#start = (this.#start + 1) % capacity
      this.#count--
    }
  }

  reset(): void {
    this.#start = 0
    this.#count = 0
    this.#bytes = 0
  }

  #grow(): void {
    const indexes: number[] = []
    const sizes: number[] = []
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#start + i) % this.#indexes.length
      indexes.push(this.#indexes[at]!)
      sizes.push(this.#sizes[at]!)
    }
    const capacity = Math.min(this.#maxMessages, Math.max(4, this.#count * 2))
    while (indexes.length < capacity) {
      indexes.push(0)
      sizes.push(0)
    }
    this.#indexes = indexes
    this.#sizes = sizes
    this.#start = 0
  }
}
