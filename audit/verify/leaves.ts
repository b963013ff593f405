/** Leaves of a log that are proven together: each node of the tree is hashed once. */
import { sha256 } from '@noble/hashes/sha2.js'
import { concat } from './bytes.ts'

export interface LeavesProof {
  /** Leaves in the log. */
  readonly size: number
  /** Ascending, at least one. */
  readonly leaves: readonly number[]
  /** Their leaf hashes, 32 bytes each. */
  readonly hashes: Uint8Array
  /** 32 bytes each: the largest subtrees that hold none of the leaves, from left to right. */
  readonly proof: Uint8Array
}

const HASH_BYTES = 32
const NODE_PREFIX = Uint8Array.of(1)

/** The log's root that they lead to; undefined unless the proof has exactly the hashes that are needed. */
export function rootOfLeaves(proof: LeavesProof): Uint8Array | undefined {
  return fold(proof, undefined)?.root
}

/** RFC 6962, section 2.1.1: the inclusion path of one of the leaves. The proof must lead to a root. */
export function pathOfLeaf(proof: LeavesProof, leaf: number): Uint8Array[] {
  return fold(proof, leaf)?.path ?? []
}

function fold(
  { size, leaves, hashes, proof }: LeavesProof,
  wanted: number | undefined,
): { root: Uint8Array; path: Uint8Array[] } | undefined {
  const inOrder = leaves.every((leaf, i) => leaf < (leaves[i + 1] ?? size))
  if (leaves.length === 0 || !inOrder || hashes.length !== leaves.length * HASH_BYTES) return undefined
  const path: Uint8Array[] = []
  let next = 0
  let used = 0
  const visit = (start: number, end: number): Uint8Array => {
    if (!(leaves[next]! < end)) {
      used += HASH_BYTES
      return proof.subarray(used - HASH_BYTES, used)
    }
    if (end - start === 1) {
      next++
      return hashes.subarray((next - 1) * HASH_BYTES, next * HASH_BYTES)
    }
    const middle = start + splitPoint(end - start)
    const left = visit(start, middle)
    const right = visit(middle, end)
    if (wanted !== undefined && wanted >= start && wanted < end) path.push(wanted < middle ? right : left)
    return sha256(concat(NODE_PREFIX, left, right))
  }
  const root = visit(0, size)
  return used === proof.length ? { root, path } : undefined
}

/** The largest power of two below `count`, which is at least 2 and at most 2^53. */
function splitPoint(count: number): number {
  const high = Math.floor((count - 1) / 2 ** 32)
  return 2 ** (high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(count - 1))
}
