import { equalBytes } from '../bytes.ts'
import { emptyStateRoot, firstDifferentBit, hashStateInner, hashStateLeaf, keyBit } from './node-hash.ts'
import type { PathStep, StateProof } from './proof.ts'
import { Slots } from './slots.ts'

/** What stands in a child's place: an inner node ≥ 0, or a leaf as its complement. */
type Ref = number

/** A subtree as a snapshot chunk needs it: its entries in the order of their bits, and the path from it to the root. */
export interface Subtree {
  readonly entries: StateEntry[]
  readonly path: PathStep[]
}

export interface StateEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/**
 * The tree over all of an authority's state, whose root a seal commits to. Changes only mark the path above them;
 * `root` hashes what was marked, so a key that changes a hundred times between two seals is hashed once.
 */
export class StateTree {
  #root: Ref | undefined
  readonly #inner = new Slots()
  #innerBit = new Uint32Array(64)
  #innerChild = new Int32Array(128)
  #innerHash = new Uint8Array(64 * 32)
  #innerStale = new Uint8Array(64)

  readonly #leaves = new Slots()
  #leafHash = new Uint8Array(64 * 32)
  #leafStale = new Uint8Array(64)
  readonly #leafKey: Uint8Array[] = []
  readonly #leafValue: Uint8Array[] = []

  get size(): number {
    return this.#leaves.used
  }

  /** Sets a key, or deletes it. Keeps both arrays as they are: the caller doesn't change them afterwards. */
  set(key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined) this.#delete(key)
    else this.#put(key, value)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#root === undefined) return undefined
    const leaf = this.#nearestLeaf(key)
    return equalBytes(this.#leafKey[leaf]!, key) ? this.#leafValue[leaf] : undefined
  }

  root(): Uint8Array {
    return this.#root === undefined ? emptyStateRoot : this.#hashOf(this.#root).slice()
  }

  /** Proves the key's value, or that there is none. */
  proof(key: Uint8Array): StateProof {
    if (this.#root === undefined) return { other: undefined, path: [] }
    this.#hashOf(this.#root)
    const { leaf, path } = this.#descend(key)
    const leafKey = this.#leafKey[leaf]!
    const other = equalBytes(leafKey, key) ? undefined : { key: leafKey, value: this.#leafValue[leaf]! }
    return { other, path }
  }

  /** Every entry, in the order of its key's bits. */
  *entries(): Generator<StateEntry> {
    if (this.#root === undefined) return
    const waiting: Ref[] = [this.#root]
    for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
      if (ref < 0) yield { key: this.#leafKey[~ref]!, value: this.#leafValue[~ref]! }
      else waiting.push(this.#innerChild[ref * 2 + 1]!, this.#innerChild[ref * 2]!)
    }
  }

  /** Cuts the tree into the largest subtrees whose keys and values together are at most `maxBytes`; one leaf may be larger. */
  *subtrees(maxBytes: number): Generator<Subtree> {
    if (this.#root === undefined) return
    this.#hashOf(this.#root)
    const sizes = new Float64Array(this.#innerBit.length)
    this.#measure(this.#root, sizes)
    const waiting: { ref: Ref; path: PathStep[] }[] = [{ ref: this.#root, path: [] }]
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const { ref, path } = at
      if (ref < 0 || sizes[ref]! <= maxBytes) {
        yield { entries: this.#entriesBelow(ref), path }
        continue
      }
      for (const side of [1, 0] as const) {
        const step = this.#step(ref, side)
        waiting.push({ ref: this.#innerChild[ref * 2 + side]!, path: [step, ...path] })
      }
    }
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    if (this.#root === undefined) {
      this.#root = ~this.#newLeaf(key, value)
      return
    }
    const near = this.#nearestLeaf(key)
    const bit = firstDifferentBit(this.#leafKey[near]!, key)
    if (bit === undefined) {
      if (equalBytes(this.#leafValue[near]!, value)) return
      this.#leafValue[near] = value
      this.#leafStale[near] = 1
      this.#markPath(key)
      return
    }
    this.#insert(key, value, bit)
  }

  /** Puts a new inner node for `bit` where the path to `key` first tests a later bit. */
  #insert(key: Uint8Array, value: Uint8Array, bit: number): void {
    const leaf = ~this.#newLeaf(key, value)
    let parent = -1
    let ref = this.#root!
    while (ref >= 0 && this.#innerBit[ref]! < bit) {
      this.#innerStale[ref] = 1
      parent = ref
      ref = this.#innerChild[ref * 2 + keyBit(key, this.#innerBit[ref]!)]!
    }
    const node = this.#newInner(bit)
    const side = keyBit(key, bit)
    this.#innerChild[node * 2 + side] = leaf
    this.#innerChild[node * 2 + 1 - side] = ref
    this.#replaceChild(parent, key, node)
  }

  #delete(key: Uint8Array): void {
    if (this.#root === undefined) return
    const leaf = this.#nearestLeaf(key)
    if (!equalBytes(this.#leafKey[leaf]!, key)) return
    this.#markPath(key)
    let grandparent = -1
    let parent = -1
    for (let ref = this.#root; ref >= 0; ) {
      grandparent = parent
      parent = ref
      ref = this.#innerChild[ref * 2 + keyBit(key, this.#innerBit[ref]!)]!
    }
    this.#leaves.release(leaf)
    this.#leafKey[leaf] = this.#leafValue[leaf] = emptyStateRoot
    if (parent < 0) {
      this.#root = undefined
      return
    }
    const sibling = this.#innerChild[parent * 2 + 1 - keyBit(key, this.#innerBit[parent]!)]!
    this.#replaceChild(grandparent, key, sibling)
    this.#inner.release(parent)
  }

  /** Hangs `ref` below `parent` on the side of `key`, or makes it the root when there is no parent. */
  #replaceChild(parent: number, key: Uint8Array, ref: Ref): void {
    if (parent < 0) this.#root = ref
    else this.#innerChild[parent * 2 + keyBit(key, this.#innerBit[parent]!)] = ref
  }

  #markPath(key: Uint8Array): void {
    for (let ref = this.#root!; ref >= 0; ) {
      this.#innerStale[ref] = 1
      ref = this.#innerChild[ref * 2 + keyBit(key, this.#innerBit[ref]!)]!
    }
  }

  /** The leaf that testing the tree's bits on `key` leads to: the key's own one if it is there. */
  #nearestLeaf(key: Uint8Array): number {
    let ref = this.#root!
    while (ref >= 0) ref = this.#innerChild[ref * 2 + keyBit(key, this.#innerBit[ref]!)]!
    return ~ref
  }

  #descend(key: Uint8Array): { leaf: number; path: PathStep[] } {
    const path: PathStep[] = []
    let ref = this.#root!
    while (ref >= 0) {
      const side = keyBit(key, this.#innerBit[ref]!)
      path.push(this.#step(ref, side))
      ref = this.#innerChild[ref * 2 + side]!
    }
    return { leaf: ~ref, path: path.reverse() }
  }

  /** What stands beside the child on `side`. */
  #step(ref: Ref, side: 0 | 1): PathStep {
    return { bit: this.#innerBit[ref]!, sibling: this.#hashOf(this.#innerChild[ref * 2 + 1 - side]!).slice() }
  }

  #entriesBelow(top: Ref): StateEntry[] {
    const entries: StateEntry[] = []
    const waiting: Ref[] = [top]
    for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
      if (ref < 0) entries.push({ key: this.#leafKey[~ref]!, value: this.#leafValue[~ref]! })
      else waiting.push(this.#innerChild[ref * 2 + 1]!, this.#innerChild[ref * 2]!)
    }
    return entries
  }

  #measure(ref: Ref, sizes: Float64Array): number {
    if (ref < 0) return this.#leafKey[~ref]!.length + this.#leafValue[~ref]!.length
    const below = this.#innerChild[ref * 2]!
    sizes[ref] = this.#measure(below, sizes) + this.#measure(this.#innerChild[ref * 2 + 1]!, sizes)
    return sizes[ref]
  }

  /** The hash of a node, after whatever below it is stale was hashed again. As deep as the tree: about 2 log2(size). */
  #hashOf(ref: Ref): Uint8Array {
    if (ref < 0) return this.#leafHashOf(~ref)
    const hash = this.#innerHash.subarray(ref * 32, ref * 32 + 32)
    if (this.#innerStale[ref] === 0) return hash
    const left = this.#hashOf(this.#innerChild[ref * 2]!)
    const right = this.#hashOf(this.#innerChild[ref * 2 + 1]!)
    hash.set(hashStateInner(this.#innerBit[ref]!, left, right))
    this.#innerStale[ref] = 0
    return hash
  }

  #leafHashOf(leaf: number): Uint8Array {
    const hash = this.#leafHash.subarray(leaf * 32, leaf * 32 + 32)
    if (this.#leafStale[leaf] === 0) return hash
    hash.set(hashStateLeaf(this.#leafKey[leaf]!, this.#leafValue[leaf]!))
    this.#leafStale[leaf] = 0
    return hash
  }

  #newLeaf(key: Uint8Array, value: Uint8Array): number {
    const leaf = this.#leaves.take()
    if (leaf >= this.#leafStale.length) {
      this.#leafHash = grown(this.#leafHash)
      this.#leafStale = grown(this.#leafStale)
    }
    this.#leafKey[leaf] = key
    this.#leafValue[leaf] = value
    this.#leafStale[leaf] = 1
    return leaf
  }

  #newInner(bit: number): number {
    const node = this.#inner.take()
    if (node >= this.#innerStale.length) {
      this.#innerBit = grown(this.#innerBit)
      this.#innerChild = grown(this.#innerChild)
      this.#innerHash = grown(this.#innerHash)
      this.#innerStale = grown(this.#innerStale)
    }
    this.#innerBit[node] = bit
    this.#innerStale[node] = 1
    return node
  }
}

/** The same values in an array of twice the length. */
function grown<T extends Uint8Array | Uint32Array | Int32Array>(array: T): T {
  const larger = new (array.constructor as new (length: number) => T)(array.length * 2)
  larger.set(array)
  return larger
}
