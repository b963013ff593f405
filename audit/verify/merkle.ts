/** RFC 6962 hashes, and the proof checks of RFC 9162, section 2.1. */
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, equalBytes } from './bytes.ts'

const leafPrefix = Uint8Array.of(0)
const nodePrefix = Uint8Array.of(1)

export function leafHash(data: Uint8Array): Uint8Array {
  return sha256(concat(leafPrefix, data))
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(nodePrefix, left, right))
}

/**
 * Grows a root leaf by leaf and keeps only one hash for each set bit of the size, so that a whole log is recomputed from a
 * stream of its leaves.
 */
export class RootOfLeaves {
  /** The roots of the perfect trees that the leaves so far fall into, largest first. */
  readonly #roots: Uint8Array[]
  readonly #join: typeof nodeHash
  #size: number

  /**
   * @param join computes `nodeHash`; an auditor of long logs hands in a faster one
   * @param edge of the leaves that are not added any more, as `edge` gave it; one of another shape leads to another root
   */
  constructor(
    join = nodeHash,
    edge: { readonly size: number; readonly roots: readonly Uint8Array[] } = { size: 0, roots: [] },
  ) {
    this.#join = join
    this.#size = edge.size
    this.#roots = [...edge.roots]
  }

  get edge(): readonly Uint8Array[] {
    return [...this.#roots]
  }

  get size(): number {
    return this.#size
  }

  add(hash: Uint8Array): void {
    this.#size += 1
    let root = hash
    for (let size = this.#size; size % 2 === 0; size /= 2) root = this.#join(this.#roots.pop()!, root)
    this.#roots.push(root)
  }

  root(): Uint8Array {
    if (this.#size === 0) return sha256(new Uint8Array(0))
    return this.#roots.reduceRight((right, left) => this.#join(left, right))
  }
}

/** The root over leaf hashes. */
export function rootOfLeafHashes(hashes: Iterable<Uint8Array>): Uint8Array {
  const tree = new RootOfLeaves()
  for (const hash of hashes) tree.add(hash)
  return tree.root()
}

const isSize = (value: number) => Number.isSafeInteger(value) && value >= 0
const isHash = (bytes: Uint8Array) => bytes.length === 32
const half = (value: number) => Math.floor(value / 2)
const isOdd = (value: number) => value % 2 === 1

/** Of a value above 0. */
function isPowerOfTwo(value: number): boolean {
  let rest = value
  while (!isOdd(rest)) rest = half(rest)
  return rest === 1
}

/** RFC 9162, section 2.1.3.2: whether the leaf stands at `index` in the log of `size` leaves with this root. */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  const led = rootOfInclusion(index, size, leaf, proof)
  return led !== undefined && equalBytes(led, root)
}

/** The root that such a path leads to; undefined when it has not the shape for this place. */
export function rootOfInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (!isSize(index) || !isSize(size) || index >= size) return undefined
  if (!isHash(leaf) || !proof.every(isHash)) return undefined
  let fn = index
  let sn = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (sn === 0) return undefined
    if (isOdd(fn) || fn === sn) {
      hash = nodeHash(sibling, hash)
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 ? hash : undefined
}

/**
 * RFC 9162, section 2.1.4.2: whether the log of `oldSize` leaves with the old root is the beginning of the one of `size`.
 * An empty log proves nothing about a later one and is refused.
 */
export function verifyConsistency(
  oldSize: number,
  size: number,
  oldRoot: Uint8Array,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isSize(oldSize) || !isSize(size) || oldSize > size) return false
  if (oldSize === size) return proof.length === 0 && equalBytes(oldRoot, root)
  if (oldSize === 0 || proof.length === 0 || !isHash(oldRoot)) return false
  // An old log that is one perfect tree is the first node itself, and isn't sent.
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof
  const roots = consistencyRoots(oldSize, size, path)
  return roots !== undefined && equalBytes(roots.old, oldRoot) && equalBytes(roots.new, root)
}

/**
 * The roots at both sizes that a consistency path leads to; undefined when it has not the shape for them. Where the new root
 * is the signed one, the old root is what that log had then, whatever somebody signed for it.
 * @param path with its first node, also where a consistency proof leaves it out
 */
export function consistencyRoots(
  oldSize: number,
  size: number,
  path: readonly Uint8Array[],
): { readonly old: Uint8Array; readonly new: Uint8Array } | undefined {
  if (!isSize(oldSize) || !isSize(size) || oldSize < 1 || oldSize >= size) return undefined
  if (path.length === 0 || !path.every(isHash)) return undefined
  let fn = oldSize - 1
  let sn = size - 1
  while (isOdd(fn)) {
    fn = half(fn)
    sn = half(sn)
  }
  let oldHash = path[0]!
  let newHash = path[0]!
  for (const sibling of path.slice(1)) {
    if (sn === 0) return undefined
    if (isOdd(fn) || fn === sn) {
      oldHash = nodeHash(sibling, oldHash)
      newHash = nodeHash(sibling, newHash)
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      newHash = nodeHash(newHash, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 ? { old: oldHash, new: newHash } : undefined
}
