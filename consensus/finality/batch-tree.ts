import { hashChildren, hashLeaf } from '../../storage/log/hashing.ts'

/** More statements wait for the next cycle. */
export const maxBatch = 16_384
export const maxPath = 16

/** The merkle tree (RFC 6962, section 2.1) over all that a node signs in one cycle. */
export class BatchTree {
  readonly #levels: Uint8Array[][]

  constructor(leaves: readonly Uint8Array[]) {
    this.#levels = [leaves.map(hashLeaf)]
    for (let level = this.#levels[0]!; level.length > 1; level = this.#levels.at(-1)!) {
      const above: Uint8Array[] = []
      for (let i = 0; i < level.length; i += 2) {
        above.push(i + 1 < level.length ? hashChildren(level[i]!, level[i + 1]!) : level[i]!)
      }
      this.#levels.push(above)
    }
  }

  get root(): Uint8Array {
    return this.#levels.at(-1)![0]!
  }

  path(index: number): Uint8Array[] {
    const path: Uint8Array[] = []
    let at = index
    for (const level of this.#levels) {
      const sibling = level[at ^ 1]
      if (sibling !== undefined) path.push(sibling)
      at >>>= 1
    }
    return path
  }

  /** The hashes that, with the leaves at these ascending indexes, give the root: `openPart` reads them in this order. */
  rest(indexes: readonly number[]): Uint8Array[] {
    const hashes: Uint8Array[] = []
    let known = indexes
    for (const level of this.#levels) {
      const set = new Set(known)
      for (const at of known) {
        if ((at ^ 1) < level.length && !set.has(at ^ 1)) hashes.push(level[at ^ 1]!)
      }
      known = [...new Set(known.map(at => at >>> 1))]
    }
    return hashes
  }
}

export interface OpenedPart {
  readonly root: Uint8Array
  /** The path of each leaf, in their order. */
  readonly paths: readonly (readonly Uint8Array[])[]
}

/** Root and paths of some leaves of a batch of `count`. `next` gives the hashes that `rest` made. */
export function openPart(
  count: number,
  indexes: readonly number[],
  leaves: readonly Uint8Array[],
  next: () => Uint8Array,
): OpenedPart {
  if (indexes.length === count) {
    const tree = new BatchTree(leaves)
    return { root: tree.root, paths: indexes.map(index => tree.path(index)) }
  }
  const levels: Map<number, Uint8Array>[] = []
  let nodes = new Map(indexes.map((at, i) => [at, hashLeaf(leaves[i]!)]))
  for (let width = count; ; width = (width + 1) >>> 1) {
    levels.push(nodes)
    if (width === 1) break
    for (const at of [...nodes.keys()]) {
      if ((at ^ 1) < width && !nodes.has(at ^ 1)) nodes.set(at ^ 1, next())
    }
    const above = new Map<number, Uint8Array>()
    for (const at of nodes.keys()) {
      if (above.has(at >>> 1)) continue
      const left = nodes.get(at & ~1)!
      const right = nodes.get(at | 1)
      above.set(at >>> 1, right === undefined ? left : hashChildren(left, right))
    }
    nodes = above
  }
  const paths = indexes.map(index =>
    levels.flatMap((level, height) => {
      const sibling = level.get((index >>> height) ^ 1)
      return sibling === undefined ? [] : [sibling]
    }),
  )
  return { root: nodes.get(0)!, paths }
}

/** The root that this path leads to (RFC 9162, section 2.1.3.2); undefined when the path has not the right length. */
export function rootOfPath(
  leaf: Uint8Array,
  index: number,
  count: number,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  let at = index
  let last = count - 1
  let hash = hashLeaf(leaf)
  if (index >= count) return undefined
  for (const sibling of path) {
    if (last === 0) return undefined
    if (at % 2 === 1 || at === last) {
      hash = hashChildren(sibling, hash)
      while (at % 2 === 0 && at !== 0) {
        at >>>= 1
        last >>>= 1
      }
    } else hash = hashChildren(hash, sibling)
    at >>>= 1
    last >>>= 1
  }
  return last === 0 ? hash : undefined
}
