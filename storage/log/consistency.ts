import { hashChildren } from './hashing.ts'

/** What a log was at two of its sizes, as a path of hashes has it. */
export interface RootsOfPath {
  readonly old: Uint8Array
  readonly new: Uint8Array
}

/**
 * The roots at both sizes that a consistency path leads to (SUBPROOF of RFC 6962, section 2.1.2, read from its end);
 * undefined when it has not the shape for them.
 * @param path with its first node, also where a consistency proof leaves it out
 */
export function rootsOfPath(
  oldSize: number,
  size: number,
  path: readonly Uint8Array[],
): RootsOfPath | undefined {
  if (!(Number.isSafeInteger(oldSize) && Number.isSafeInteger(size) && oldSize >= 1 && oldSize < size))
    return undefined
  if (!path.every(hash => hash.length === 32)) return undefined
  let used = 0
  const within = (old: number, width: number): RootsOfPath | undefined => {
    if (old === width) {
      const hash = path[used++]
      return hash && { old: hash, new: hash }
    }
    const half = largestPowerBelow(width)
    const below = old <= half ? within(old, half) : within(old - half, width - half)
    const sibling = path[used++]
    if (below === undefined || sibling === undefined) return undefined
    if (old <= half) return { old: below.old, new: hashChildren(below.new, sibling) }
    return { old: hashChildren(sibling, below.old), new: hashChildren(sibling, below.new) }
  }
  const roots = within(oldSize, size)
  return used === path.length ? roots : undefined
}

/** Whether a consistency proof from this size leaves out its first node, which is the old root itself. */
export function isPerfectSize(size: number): boolean {
  return largestPowerBelow(size + 1) === size
}

/** The largest power of two below `count`, which is at least 2. Sizes reach 2^53. */
function largestPowerBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}
