import { HASH_BYTES } from './session.ts'

/** Writes the SHA-256 of `bytes` into `target`. */
export type PutHash = (target: Uint8Array, at: number, bytes: Uint8Array) => void

const NODE_PREFIX = 1
/** Deep enough for any count of 32 bits. */
const MAX_DEPTH = 32

/** One for each depth: what a node is hashed from, while its right half is still being made. */
const pairs = Array.from({ length: MAX_DEPTH + 1 }, () => {
  const pair = new Uint8Array(1 + 2 * HASH_BYTES)
  pair[0] = NODE_PREFIX
  return pair
})

/** How many levels above the leaves a tree of `count` leaves has. */
function depthOf(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1)
}

/**
 * The RFC 6962 tree over a batch's items (at least one), from their leaf hashes. Level by level: a last node without a
 * sibling goes up as it is, which gives the same tree as the RFC's recursive split.
 */
export class BatchTree {
  readonly count: number
  readonly #levels: Uint8Array[]

  /** @param leafHashes 32 bytes each, one after another */
  constructor(leafHashes: Uint8Array, putHash: PutHash) {
    this.count = leafHashes.length / HASH_BYTES
    this.#levels = [leafHashes]
    const pair = pairs[0]!
    for (let level = leafHashes; level.length > HASH_BYTES; ) {
      const nodes = level.length / HASH_BYTES
      const above = new Uint8Array(Math.ceil(nodes / 2) * HASH_BYTES)
      for (let i = 0; i + 1 < nodes; i += 2) {
        pair.set(level.subarray(i * HASH_BYTES, (i + 2) * HASH_BYTES), 1)
        putHash(above, (i / 2) * HASH_BYTES, pair)
      }
      if (nodes % 2 === 1) above.set(level.subarray((nodes - 1) * HASH_BYTES), above.length - HASH_BYTES)
      this.#levels.push(above)
      level = above
    }
  }

  get root(): Uint8Array {
    return this.#levels.at(-1)!
  }

  /** The inclusion path of item `index`, from the leaf upwards (RFC 6962 section 2.1.1). */
  path(index: number): Uint8Array[] {
    const path: Uint8Array[] = []
    for (let depth = 0, at = index; depth < this.#levels.length - 1; depth++, at >>= 1) {
      const sibling = (at ^ 1) * HASH_BYTES
      const level = this.#levels[depth]!
      if (sibling < level.length) path.push(level.slice(sibling, sibling + HASH_BYTES))
    }
    return path
  }

  /**
   * What whoever has the items from `from` up to `to` needs to make the root: the hashes of the largest subtrees that hold
   * none of them, from left to right, 32 bytes each.
   */
  around(from: number, to: number): Uint8Array {
    const found: Uint8Array[] = []
    const visit = (depth: number, index: number): void => {
      const first = index * 2 ** depth
      if (first >= this.count || (first >= from && first + 2 ** depth <= to)) return
      if (first >= to || first + 2 ** depth <= from) {
        found.push(this.#levels[depth]!.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES))
        return
      }
      visit(depth - 1, 2 * index)
      visit(depth - 1, 2 * index + 1)
    }
    visit(this.#levels.length - 1, 0)
    const bytes = new Uint8Array(found.length * HASH_BYTES)
    found.forEach((hash, i) => void bytes.set(hash, i * HASH_BYTES))
    return bytes
  }
}

/** Neighbouring items of a signed tree, with the hashes that lead from them to its root. */
export interface Run {
  /** Items in the tree. */
  readonly count: number
  /** Place of the first of ours. */
  readonly index: number
  /** Leaf hashes of ours, 32 bytes each: at least one. */
  readonly leafHashes: Uint8Array
  /** As `BatchTree.around` gives it. */
  readonly proof: Uint8Array
}

/**
 * The root that a run leads to; undefined unless the proof has exactly the hashes that are needed. `note` is told every
 * node's hash, those of the proof too.
 */
export function rootOfRun(
  { count, index, leafHashes, proof }: Run,
  putHash: PutHash,
  note?: (depth: number, index: number, hash: Uint8Array) => void,
): Uint8Array | undefined {
  const end = index + leafHashes.length / HASH_BYTES
  let used = 0
  const visit = (depth: number, node: number, target: Uint8Array, at: number): void => {
    const first = node * 2 ** depth
    if (first >= end || first + 2 ** depth <= index) {
      copyHash(target, at, proof, used)
      used += HASH_BYTES
    } else if (depth === 0) {
      copyHash(target, at, leafHashes, (node - index) * HASH_BYTES)
    } else if (first + 2 ** (depth - 1) >= count) {
      visit(depth - 1, 2 * node, target, at)
    } else {
      const pair = pairs[depth]!
      visit(depth - 1, 2 * node, pair, 1)
      visit(depth - 1, 2 * node + 1, pair, 1 + HASH_BYTES)
      putHash(target, at, pair)
    }
    note?.(depth, node, target.slice(at, at + HASH_BYTES))
  }
  const root = new Uint8Array(HASH_BYTES)
  visit(depthOf(count), 0, root, 0)
  return used === proof.length ? root : undefined
}

/** The inclusion path of the run's item `index` of the tree; the run must lead to a root. */
export function pathInRun(run: Run, index: number, putHash: PutHash): Uint8Array[] {
  const wanted = new Map<number, number>()
  const depth = depthOf(run.count)
  for (let level = 0, at = index; level < depth; level++, at = Math.floor(at / 2)) wanted.set(level, at ^ 1)
  const found = new Map<number, Uint8Array>()
  rootOfRun(run, putHash, (level, node, hash) => {
    if (wanted.get(level) === node) found.set(level, hash)
  })
  return [...wanted.keys()].flatMap(level => found.get(level) ?? [])
}

/** Past the end of `from` it writes zeros: the root will be another, and the proof has been used up beyond its length. */
function copyHash(target: Uint8Array, at: number, from: Uint8Array, fromAt: number): void {
  for (let i = 0; i < HASH_BYTES; i++) target[at + i] = from[fromAt + i] ?? 0
}
