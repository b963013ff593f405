import { putU16, putU32, putU64, readU16, readU32, readU64 } from '../../storage/bytes.ts'

/** Thrown inside parsers of this room only; `parse` turns it into undefined. */
class MalformedError extends Error {}

/** Reads fixed layouts, big-endian. Running past the end, or a number that is not exact, ends the parse. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!
  }

  u16(): number {
    return readU16(this.#bytes, this.#take(2))
  }

  u32(): number {
    return readU32(this.#bytes, this.#take(4))
  }

  u64(): number {
    const value = readU64(this.#bytes, this.#take(8))
    this.require(Number.isSafeInteger(value))
    return value
  }

  /** A view: what was read must not be written to afterwards. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** A number up to `most`, for what is counted before it is read. */
  count(value: number, most: number): number {
    this.require(value <= most)
    return value
  }

  require(holds: boolean): void {
    if (!holds) this.refuse()
  }

  refuse(): never {
    throw new MalformedError()
  }

  #take(length: number): number {
    const at = this.#at
    this.require(length <= this.#bytes.length - at)
    this.#at += length
    return at
  }
}

/** What `read` makes of all of `bytes`; undefined when they are not exactly that. */
export function parse<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): T | undefined {
  const reader = new ByteReader(bytes)
  try {
    const value = read(reader)
    return reader.isAtEnd ? value : undefined
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

/** Arrays that writers have used: each lies outside the heap, and making one costs more than writing into it. */
const spare: Uint8Array<ArrayBuffer>[] = []
const firstBytes = 4096
const maxSpare = 8
const nothing = new Uint8Array(0)

/** The other way of `ByteReader`. It is done with once it has finished. */
export class ByteWriter {
  #bytes = spare.pop() ?? new Uint8Array(firstBytes)
  #length = 0

  u8(value: number): this {
    const at = this.#grow(1)
    this.#bytes[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#grow(2)
    putU16(this.#bytes, at, value)
    return this
  }

  u32(value: number): this {
    const at = this.#grow(4)
    putU32(this.#bytes, at, value)
    return this
  }

  u64(value: number): this {
    const at = this.#grow(8)
    putU64(this.#bytes, at, value)
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  finish(): Uint8Array {
    const written = this.#bytes.slice(0, this.#length)
    if (spare.length < maxSpare) spare.push(this.#bytes)
    this.#bytes = nothing
    return written
  }

  #grow(length: number): number {
    const at = this.#length
    this.#length += length
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    return at
  }
}

/** A hash as the key of a map. */
export function hashKey(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1')
}
