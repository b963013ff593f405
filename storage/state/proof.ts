/**
 * Proofs of the state tree in torchwood's form: `[other key ‖ other value] (bit ‖ sibling hash)*`, lengths and bits as
 * varints, from the leaf up. The other leaf, where the key would stand, is there when the key isn't.
 */
import { copyBytes, equalBytes } from '../bytes.ts'
import { emptyStateRoot, hashStateInner, hashStateLeaf, keyBit, putVarint, varintBytes } from './node-hash.ts'

export interface PathStep {
  readonly bit: number
  readonly sibling: Uint8Array
}

export interface StateProof {
  /** For a key that isn't there: the leaf that looking for it leads to. Undefined for a present key and the empty tree. */
  readonly other: { readonly key: Uint8Array; readonly value: Uint8Array } | undefined
  /** From the leaf to the root: bits get smaller. */
  readonly path: readonly PathStep[]
}

export function encodeStateProof(proof: StateProof): Uint8Array {
  const { other, path } = proof
  let length = 0
  if (other) length += lengthWithPrefix(other.key) + lengthWithPrefix(other.value)
  for (const step of path) length += varintBytes(step.bit) + 32
  const bytes = new Uint8Array(length)
  let at = 0
  if (other) {
    at = putWithLength(bytes, at, other.key)
    at = putWithLength(bytes, at, other.value)
  }
  for (const step of path) {
    at = putVarint(bytes, at, step.bit)
    bytes.set(step.sibling, at)
    at += 32
  }
  return bytes
}

function lengthWithPrefix(part: Uint8Array): number {
  return varintBytes(part.length) + part.length
}

function putWithLength(bytes: Uint8Array, at: number, part: Uint8Array): number {
  const start = putVarint(bytes, at, part.length)
  bytes.set(part, start)
  return start + part.length
}

/** Whether a proof (as bytes) shows that under `root` the key has this value; `undefined` means that it has none. */
export function verifyStateProof(
  root: Uint8Array,
  key: Uint8Array,
  value: Uint8Array | undefined,
  bytes: Uint8Array,
): boolean {
  if (value === undefined && bytes.length === 0) return equalBytes(root, emptyStateRoot)
  const proof = decodeStateProof(bytes, value === undefined)
  if (!proof) return false
  const { other, path } = proof
  if (other && equalBytes(other.key, key)) return false
  const leafKey = other ? other.key : key
  const leaf = hashStateLeaf(leafKey, other ? other.value : value!)
  // The other leaf stands where the key would only while every bit tested on its path is the key's too.
  if (path.some(step => keyBit(key, step.bit) !== keyBit(leafKey, step.bit))) return false
  return equalBytes(rootOfPath(leaf, leafKey, path), root)
}

/** The root that a node has with this path above it, if its keys have the bits of `key`. */
export function rootOfPath(node: Uint8Array, key: Uint8Array, path: readonly PathStep[]): Uint8Array {
  let hash = node
  for (const { bit, sibling } of path) {
    hash = keyBit(key, bit) === 0 ? hashStateInner(bit, hash, sibling) : hashStateInner(bit, sibling, hash)
  }
  return hash
}

/** Undefined unless the bytes are exactly one proof, of presence or (with another leaf first) of absence. */
export function decodeStateProof(bytes: Uint8Array, absent: boolean): StateProof | undefined {
  const reader = { bytes, at: 0 }
  let other: StateProof['other']
  if (absent) {
    const key = readWithLength(reader)
    const value = key && readWithLength(reader)
    if (!value) return undefined
    other = { key, value }
  }
  const path: PathStep[] = []
  let above = Number.POSITIVE_INFINITY
  while (reader.at < bytes.length) {
    const bit = readVarint(reader)
    if (bit === undefined || bit >= above || bytes.length - reader.at < 32) return undefined
    path.push({ bit, sibling: copyBytes(bytes, reader.at, reader.at + 32) })
    reader.at += 32
    above = bit
  }
  return { other, path }
}

interface Reader {
  readonly bytes: Uint8Array
  at: number
}

function readWithLength(reader: Reader): Uint8Array | undefined {
  const length = readVarint(reader)
  if (length === undefined || length > reader.bytes.length - reader.at) return undefined
  reader.at += length
  return copyBytes(reader.bytes, reader.at - length, reader.at)
}

/** Up to 2^32 - 1, in the shortest form only. */
function readVarint(reader: Reader): number | undefined {
  let value = 0
  for (let shift = 0; shift < 5; shift++) {
    const byte = reader.bytes[reader.at]
    if (byte === undefined) return undefined
    reader.at += 1
    value += (byte & 0x7f) * 2 ** (7 * shift)
    if (byte < 0x80) return (shift > 0 && byte === 0) || value > 0xffff_ffff ? undefined : value
  }
  return undefined
}
