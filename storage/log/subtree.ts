/** Perfect subtrees of a merkle log: leaves that are proven together, with the part of their path that they share. */
import { joinBytes } from '../bytes.ts'
import { hashChildren } from './hashing.ts'
import { inclusionRanges, type MerkleLog, perfectRoot } from './tree.ts'

/** The 2^height leaves from `first` on, which is a multiple of as many. */
export interface Subtree {
  readonly first: number
  readonly height: number
}

/** The fewest subtrees, none of them higher, that make up the leaves with `from ≤ leaf < to`. */
export function subtreesOf(from: number, to: number, maxHeight: number): Subtree[] {
  const subtrees: Subtree[] = []
  for (let first = from; first < to; ) {
    let height = 0
    while (height < maxHeight && first % 2 ** (height + 1) === 0 && first + 2 ** (height + 1) <= to)
      height += 1
    subtrees.push({ first, height })
    first += 2 ** height
  }
  return subtrees
}

export function isSubtreeIn({ first, height }: Subtree, size: number): boolean {
  return first % 2 ** height === 0 && first + 2 ** height <= size
}

/** From the subtree's own hash up to the root of the log's first `size` leaves: 32 bytes each, one after another. */
export async function subtreeProof(
  log: MerkleLog,
  { first, height }: Subtree,
  size: number,
): Promise<Uint8Array> {
  return joinBytes((await log.inclusionProof(first, size)).slice(height))
}

/** The root to which these leaf hashes lead; undefined when the proof has another length than it must have. */
export function rootOfSubtree(
  { first, height }: Subtree,
  leafHashes: Uint8Array,
  size: number,
  proof: Uint8Array,
): Uint8Array | undefined {
  const ranges = inclusionRanges(first, size).slice(height)
  if (proof.length !== 32 * ranges.length || leafHashes.length !== 32 * 2 ** height) return undefined
  let node = perfectRoot(leafHashes, 0, 2 ** height)
  for (const [i, [start]] of ranges.entries()) {
    const sibling = proof.subarray(32 * i, 32 * i + 32)
    node = start < first ? hashChildren(sibling, node) : hashChildren(node, sibling)
  }
  return node
}

/** The root of all leaves up to the end of a subtree whose hashes and proof `rootOfSubtree` has verified. */
export function rootUpTo(
  { first, height }: Subtree,
  leafHashes: Uint8Array,
  size: number,
  proof: Uint8Array,
): Uint8Array {
  let node = perfectRoot(leafHashes, 0, 2 ** height)
  // What stands on the left of the path are the leaves before it (RFC 6962, section 2.1.1).
  for (const [i, [start]] of inclusionRanges(first, size).slice(height).entries())
    if (start < first) node = hashChildren(proof.subarray(32 * i, 32 * i + 32), node)
  return node
}
