import { varintSize } from '../raft/log/sizes.ts'

/**
 * Reads a protobuf message in its one form: fields in the order of their numbers (below 16), each once unless it is
 * `repeated`, numbers in their shortest form and never 0, which is what a field has that is not there.
 * @throws RangeError for any other
 */
export class FieldReader {
  readonly #bytes: Uint8Array
  readonly #repeated: number
  #at = 0
  #field = 0
  #type = 0

  constructor(bytes: Uint8Array, repeated: number) {
    this.#bytes = bytes
    this.#repeated = repeated
  }

  /** The next field's number; 0 at the end. */
  next(): number {
    if (this.#at === this.#bytes.length) return 0
    const tag = this.#bytes[this.#at++]!
    const field = tag >>> 3
    if (tag > 0x7f || field < this.#field || (field === this.#field && field !== this.#repeated)) refuse()
    this.#field = field
    this.#type = tag & 7
    return field
  }

  /** The value of a field that holds a number, or 1 for a flag. */
  count(): number {
    const value = this.#varint()
    if (this.#type !== 0 || value === 0) refuse()
    return value
  }

  /** The value of a field that holds a message or bytes: a view. */
  bytes(): Uint8Array {
    const length = this.#varint()
    const start = this.#at
    if (this.#type !== 2 || length > this.#bytes.length - start) refuse()
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }

  #varint(): number {
    const start = this.#at
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined || scale > 2 ** 49) refuse()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    if (!Number.isSafeInteger(value) || this.#at - start !== varintSize(value)) refuse()
    return value
  }
}

function refuse(): never {
  throw new RangeError('not the one form of a message')
}
