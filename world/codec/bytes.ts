import { WorldError } from '../errors.ts'

/**
 * Our own little reader and writer. Everything has a fixed width, big-endian, so that one value has one encoding.
 * Whole numbers past 32 bits take 8 bytes and must be within ±(2⁵³−1).
 */

const WORD = 4_294_967_296
/** What one encoded thing may take at most. */
const SCRATCH_BYTES = 65_536

export class ByteWriter {
  private readonly bytes = new Uint8Array(SCRATCH_BYTES)
  private at = 0

  u8(value: number): this {
    whole(value, 0xff)
    this.room(1)
    this.bytes[this.at++] = value
    return this
  }

  u16(value: number): this {
    whole(value, 0xffff)
    return this.word16(value)
  }

  i16(value: number): this {
    whole(value + 0x8000, 0xffff)
    return this.word16(value)
  }

  u32(value: number): this {
    whole(value, 0xffffffff)
    return this.word32(value)
  }

  u53(value: number): this {
    whole(value, Number.MAX_SAFE_INTEGER)
    return this.i53(value)
  }

  i53(value: number): this {
    if (!Number.isSafeInteger(value))
      throw new WorldError('bad-value', `${value} is not a safe whole number.`)
    const high = value >= 0 && value < WORD ? 0 : Math.floor(value / WORD)
    return this.word32(high).word32(value >>> 0)
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }

  raw(value: Uint8Array, length = value.length): this {
    if (value.length !== length)
      throw new WorldError('bad-value', `Expected ${length} bytes, got ${value.length}.`)
    this.room(length)
    this.bytes.set(value, this.at)
    this.at += length
    return this
  }

  id(hex: string): this {
    this.room(ID_BYTES)
    if (hex.length !== 2 * ID_BYTES) throw new WorldError('bad-value', `"${hex}" is not an id.`)
    for (let i = 0; i < ID_BYTES; i++) {
      const byte = nibble(hex.charCodeAt(2 * i)) * 16 + nibble(hex.charCodeAt(2 * i + 1))
      if (!(byte >= 0)) throw new WorldError('bad-value', `"${hex}" is not an id.`)
      this.bytes[this.at++] = byte
    }
    return this
  }

  /** Visible ASCII with its length in one byte. */
  text(value: string): this {
    this.u8(value.length)
    this.room(value.length)
    for (let i = 0; i < value.length; i++) this.bytes[this.at++] = value.charCodeAt(i)
    return this
  }

  /** A copy of what was written; the writer starts anew. */
  finish(): Uint8Array {
    const result = this.bytes.slice(0, this.at)
    this.at = 0
    return result
  }

  /** Starts anew, also after an encoder threw halfway. */
  start(): this {
    this.at = 0
    return this
  }

  private word16(value: number): this {
    this.room(2)
    this.bytes[this.at++] = (value >>> 8) & 0xff
    this.bytes[this.at++] = value & 0xff
    return this
  }

  private word32(value: number): this {
    this.room(4)
    this.bytes[this.at++] = (value >>> 24) & 0xff
    this.bytes[this.at++] = (value >>> 16) & 0xff
    this.bytes[this.at++] = (value >>> 8) & 0xff
    this.bytes[this.at++] = value & 0xff
    return this
  }

  private room(bytes: number): void {
    if (this.at + bytes > SCRATCH_BYTES) throw new WorldError('bad-value', 'That is too long to encode.')
  }
}

/** One for all: nothing here is reentrant, and a fresh buffer per message would cost more than the message. */
export const writer = new ByteWriter()

export const ID_BYTES = 16

/**
 * Never throws. What is short, out of range or left over makes `ok` false, and the rest of the reads give zeros;
 * the caller looks at `done()` once, at the end.
 */
export class ByteReader {
  ok = true
  private readonly bytes: Uint8Array
  private at: number

  constructor(bytes: Uint8Array, from = 0) {
    this.bytes = bytes
    this.at = from
  }

  u8(): number {
    const { at } = this
    if (!this.take(1)) return 0
    return this.bytes[at]!
  }

  /** An index below `below`. */
  index(below: number): number {
    const value = this.u8()
    if (value < below) return value
    this.ok = false
    return 0
  }

  u16(): number {
    const { at } = this
    if (!this.take(2)) return 0
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  i16(): number {
    return (this.u16() << 16) >> 16
  }

  u32(): number {
    const { at } = this
    if (!this.take(4)) return 0
    return (
      ((this.bytes[at]! << 24) |
        (this.bytes[at + 1]! << 16) |
        (this.bytes[at + 2]! << 8) |
        this.bytes[at + 3]!) >>>
      0
    )
  }

  u53(): number {
    const value = this.u32() * WORD + this.u32()
    if (value <= Number.MAX_SAFE_INTEGER) return value
    this.ok = false
    return 0
  }

  i53(): number {
    const value = (this.u32() | 0) * WORD + this.u32()
    if (Number.isSafeInteger(value)) return value
    this.ok = false
    return 0
  }

  bool(): boolean {
    return this.index(2) === 1
  }

  /** A copy, so that what is kept doesn't hold the whole batch. */
  raw(length: number): Uint8Array {
    const { at } = this
    return this.take(length) ? this.bytes.slice(at, at + length) : new Uint8Array(length)
  }

  id(): string {
    const { at } = this
    return this.take(ID_BYTES) ? hexOf(this.bytes, at, ID_BYTES) : ''
  }

  text(maxChars: number): string {
    const length = this.u8()
    const { at } = this
    if (length > maxChars || !this.take(length)) {
      this.ok = false
      return ''
    }
    let text = ''
    for (let i = 0; i < length; i++) {
      const char = this.bytes[at + i]!
      if (char < 0x21 || char > 0x7e) this.ok = false
      text += String.fromCharCode(char)
    }
    return text
  }

  /** True when all was well and nothing is left over. */
  done(): boolean {
    return this.ok && this.at === this.bytes.length
  }

  private take(bytes: number): boolean {
    if (!this.ok || this.at + bytes > this.bytes.length) {
      this.ok = false
      return false
    }
    this.at += bytes
    return true
  }
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function hexOf(bytes: Uint8Array, from: number, length: number): string {
  let text = ''
  for (let i = from; i < from + length; i++) text += HEX[bytes[i]!]!
  return text
}

/** NaN for what isn't a lower-case hex digit. */
function nibble(charCode: number): number {
  if (charCode >= 48 && charCode <= 57) return charCode - 48
  return charCode >= 97 && charCode <= 102 ? charCode - 87 : Number.NaN
}

/** One character per byte: a map key, and strings of one length sort as their bytes do. */
export function binaryString(bytes: Uint8Array, from: number, length: number): string {
  return String.fromCharCode.apply(null, bytes.subarray(from, from + length) as unknown as number[])
}

export function bytesOfBinaryString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** For domain separators and origins, which are ASCII. */
export const asciiBytes = bytesOfBinaryString

/** Whether `prefix` stands in `bytes` from `at` on. */
export function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false
  return true
}

/** The order of their bytes, the shorter first of two that begin alike. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function whole(value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return
  throw new WorldError('bad-value', `${value} is not a whole number from 0 to ${max}.`)
}
