/**
 * The state tree's root from all its entries, and its proofs. Rules of torchwood's mpt: a leaf is
 * SHA-256(0 ‖ len key ‖ key ‖ len value ‖ value), an inner node SHA-256(1 ‖ bit ‖ left ‖ right) with the first bit in which
 * the keys below differ; numbers are varints; a key goes on with 00 and then ff for ever.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, equalBytes } from './bytes.ts'

export interface StateEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128))
  return Uint8Array.from([...bytes, rest])
}

function leafOf({ key, value }: StateEntry): Uint8Array {
  return sha256(concat(Uint8Array.of(0), varint(key.length), key, varint(value.length), value))
}

function innerOf(bit: number, left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(Uint8Array.of(1), varint(bit), left, right))
}

/** What stands beside a node of the tree, and the first bit in which the two differ. */
export interface PathStep {
  readonly bit: number
  readonly sibling: Uint8Array
}

/** The root, if a node with this hash, whose keys begin as `key` does, has this path above it. */
export function rootAbove(hash: Uint8Array, key: Uint8Array, path: readonly PathStep[]): Uint8Array {
  return path.reduce(
    (below, { bit, sibling }) =>
      bitOf(key, bit) === 0 ? innerOf(bit, below, sibling) : innerOf(bit, sibling, below),
    hash,
  )
}

function bitOf(key: Uint8Array, bit: number): number {
  const at = Math.floor(bit / 8)
  const byte = at < key.length ? key[at]! : at === key.length ? 0x00 : 0xff
  return (byte >> (7 - (bit % 8))) & 1
}

/** The key with so much of what goes on behind it that no other key up to `length` bytes has the same bytes. */
function padded(key: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length + 2).fill(0xff)
  bytes.set(key)
  bytes[key.length] = 0
  return bytes
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at * 8 + Math.clz32(a[at]! ^ b[at]!) - 24
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

interface PaddedLeaf {
  readonly bits: Uint8Array
  readonly entry: StateEntry
}

/** Undefined when a key is there twice. */
export function stateRoot(entries: Iterable<StateEntry>): Uint8Array | undefined {
  const leaves = sortedLeaves([...entries])
  return leaves?.length === 0 ? sha256(new Uint8Array(0)) : leaves && rootOf(leaves, 0, leaves.length)
}

function sortedLeaves(all: readonly StateEntry[]): PaddedLeaf[] | undefined {
  const longest = all.reduce((length, entry) => Math.max(length, entry.key.length), 0)
  const leaves = all.map(entry => ({ bits: padded(entry.key, longest), entry }))
  leaves.sort((a, b) => compareBytes(a.bits, b.bits))
  const isTwice = leaves.some((leaf, i) => i > 0 && compareBytes(leaf.bits, leaves[i - 1]!.bits) === 0)
  return isTwice ? undefined : leaves
}

/** Of two or more: the first bit in which any two differ, and where those begin that have it set. */
function splitOf(leaves: readonly PaddedLeaf[], from: number, to: number): { bit: number; high: number } {
  // Sorted, so the first and the last differ where any two of them first do.
  const bit = firstDifference(leaves[from]!.bits, leaves[to - 1]!.bits)
  let low = from
  let high = to - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (bitOf(leaves[middle]!.bits, bit) === 0) low = middle
    else high = middle
  }
  return { bit, high }
}

function rootOf(leaves: readonly PaddedLeaf[], from: number, to: number): Uint8Array {
  if (to - from === 1) return leafOf(leaves[from]!.entry)
  const { bit, high } = splitOf(leaves, from, to)
  return innerOf(bit, rootOf(leaves, from, high), rootOf(leaves, high, to))
}

/** What `verifyState` takes for this key. @throws RangeError when a key is there twice */
export function proveState(entries: Iterable<StateEntry>, key: Uint8Array): Uint8Array {
  const leaves = sortedLeaves([...entries])
  if (leaves === undefined) throw new RangeError('A key is in the state twice.')
  const steps: Uint8Array[] = []
  let [from, to] = [0, leaves.length]
  while (to - from > 1) {
    const { bit, high } = splitOf(leaves, from, to)
    const isLow = bitOf(key, bit) === 0
    const sibling = isLow ? rootOf(leaves, high, to) : rootOf(leaves, from, high)
    steps.push(concat(varint(bit), sibling))
    if (isLow) to = high
    else from = high
  }
  const found = leaves[from]?.entry
  const other = found === undefined || equalBytes(found.key, key) ? [] : [found.key, found.value]
  return concat(...other.flatMap(part => [varint(part.length), part]), ...steps.reverse())
}

/**
 * Whether `proof` shows that under `root` the key has this value, or none when `value` is undefined. A proof is
 * `[other key ‖ other value] (bit ‖ sibling)*`, from the leaf up; the other leaf only where the key is absent.
 */
export function verifyState(
  root: Uint8Array,
  key: Uint8Array,
  value: Uint8Array | undefined,
  proof: Uint8Array,
): boolean {
  if (value === undefined && proof.length === 0) return equalBytes(root, sha256(new Uint8Array(0)))
  const reader = new ProofReader(proof)
  const leaf = value === undefined ? reader.entry() : { key, value }
  if (!leaf || (value === undefined && equalBytes(leaf.key, key))) return false
  let hash = leafOf(leaf)
  for (let below = Number.POSITIVE_INFINITY; !reader.atEnd(); ) {
    const bit = reader.varint()
    const sibling = reader.bytes(32)
    if (bit === undefined || !sibling || bit >= below) return false
    if (bitOf(leaf.key, bit) !== bitOf(key, bit)) return false
    hash = rootAbove(hash, key, [{ bit, sibling }])
    below = bit
  }
  return equalBytes(hash, root)
}

class ProofReader {
  readonly #proof: Uint8Array
  #at = 0

  constructor(proof: Uint8Array) {
    this.#proof = proof
  }

  atEnd(): boolean {
    return this.#at === this.#proof.length
  }

  bytes(length: number): Uint8Array | undefined {
    if (length > this.#proof.length - this.#at) return undefined
    this.#at += length
    return this.#proof.slice(this.#at - length, this.#at)
  }

  /** Only the shortest form, below 2^32. */
  varint(): number | undefined {
    let value = 0
    for (let scale = 1; scale <= 128 ** 4; scale *= 128) {
      const byte = this.bytes(1)?.[0]
      if (byte === undefined) return undefined
      value += (byte % 128) * scale
      if (byte >= 128) continue
      return (byte === 0 && scale > 1) || value >= 2 ** 32 ? undefined : value
    }
    return undefined
  }

  entry(): StateEntry | undefined {
    const key = this.#withLength()
    const value = key && this.#withLength()
    return value && { key, value }
  }

  #withLength(): Uint8Array | undefined {
    const length = this.varint()
    return length === undefined ? undefined : this.bytes(length)
  }
}
