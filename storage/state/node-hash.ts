/**
 * Hashes and keys of the state tree, by the rules of torchwood's mpt:
 *   leaf  = SHA-256(0x00 ‖ varint(key length) ‖ key ‖ varint(value length) ‖ value)
 *   inner = SHA-256(0x01 ‖ varint(bit) ‖ left ‖ right), `bit` being the first in which the keys below differ
 *   empty = SHA-256 of nothing
 * A key goes on with one byte 00 and then ff for ever, so that a key and its own prefix differ somewhere.
 */
import { sha256 } from '../sha256.ts'

export const emptyStateRoot: Uint8Array = sha256(new Uint8Array(0))

/** How many bytes `value`, up to 2^32 - 1, takes as a varint (7 bits a byte, low ones first). */
export function varintBytes(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1
  return length
}

/** Writes a varint and returns where it ends. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let end = at
  while (rest >= 0x80) {
    bytes[end++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[end++] = rest
  return end
}

export function hashStateLeaf(key: Uint8Array, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(
    1 + varintBytes(key.length) + key.length + varintBytes(value.length) + value.length,
  )
  let at = putVarint(bytes, 1, key.length)
  bytes.set(key, at)
  at = putVarint(bytes, at + key.length, value.length)
  bytes.set(value, at)
  return sha256(bytes)
}

const inner = new Uint8Array(1 + 5 + 64)
inner[0] = 1

export function hashStateInner(bit: number, left: Uint8Array, right: Uint8Array): Uint8Array {
  const at = putVarint(inner, 1, bit)
  inner.set(left, at)
  inner.set(right, at + 32)
  return sha256(inner.subarray(0, at + 64))
}

function keyByte(key: Uint8Array, at: number): number {
  if (at < key.length) return key[at]!
  return at === key.length ? 0x00 : 0xff
}

/** Bit `bit` of a key, the first being the highest of its first byte. */
export function keyBit(key: Uint8Array, bit: number): 0 | 1 {
  return ((keyByte(key, bit >>> 3) >>> (7 - (bit & 7))) & 1) as 0 | 1
}

/** The first bit in which two keys differ; undefined when they are the same key. */
export function firstDifferentBit(a: Uint8Array, b: Uint8Array): number | undefined {
  const end = Math.max(a.length, b.length) + 2
  for (let at = 0; at < end; at++) {
    const difference = keyByte(a, at) ^ keyByte(b, at)
    if (difference !== 0) return at * 8 + Math.clz32(difference) - 24
  }
  return undefined
}
