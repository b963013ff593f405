/** Reads from a log's tiles what leads from one of its sizes to a later one (RFC 6962, section 2.1.2). */
import { tileWidth } from '../log/paths.ts'
import { nodeHash, rootOfLeafHashes } from '../verify/merkle.ts'
import { parseTile, resourcePath } from '../verify/tiles.ts'

/** The tile's bytes at this path; undefined when it is not to be had. */
export type ReadTilePath = (path: string, maxBytes: number) => Promise<Uint8Array | undefined>

/** Undefined when a tile is missing or malformed. @throws what `read` throws */
export async function readConsistencyPath(
  read: ReadTilePath,
  oldSize: number,
  size: number,
): Promise<Uint8Array[] | undefined> {
  const nodes = new Nodes(read, size)
  return await subproof(nodes, oldSize, 0, size)
}

/** The path within the leaves `start ≤ leaf < end`, of which the old log had those below `oldSize`. */
async function subproof(
  nodes: Nodes,
  oldSize: number,
  start: number,
  end: number,
): Promise<Uint8Array[] | undefined> {
  if (oldSize === end) return all([await nodes.root(start, end)])
  const middle = start + largestPowerBelow(end - start)
  const inLeft = oldSize <= middle
  const below = inLeft
    ? await subproof(nodes, oldSize, start, middle)
    : await subproof(nodes, oldSize, middle, end)
  const sibling = inLeft ? await nodes.root(middle, end) : await nodes.root(start, middle)
  return below && all([...below, sibling])
}

function all(hashes: readonly (Uint8Array | undefined)[]): Uint8Array[] | undefined {
  return hashes.includes(undefined) ? undefined : (hashes as Uint8Array[])
}

/** The largest power of two below `n`, which is at least 2. */
function largestPowerBelow(n: number): number {
  let power = 1
  while (power * 2 < n) power *= 2
  return power
}

/** Roots of ranges of leaves in a log of this size, each tile read once. */
class Nodes {
  readonly #read: ReadTilePath
  readonly #size: number
  readonly #tiles = new Map<string, Promise<Uint8Array[] | undefined>>()

  constructor(read: ReadTilePath, size: number) {
    this.#read = read
    this.#size = size
  }

  async root(start: number, end: number): Promise<Uint8Array | undefined> {
    const width = end - start
    const middle = width === 1 ? start : start + largestPowerBelow(width)
    const isPerfect = width === 1 || 2 * (middle - start) === width
    if (isPerfect) return await this.#perfect(start, width)
    const [left, right] = [await this.root(start, middle), await this.root(middle, end)]
    return left && right && nodeHash(left, right)
  }

  /** A range of 2^n leaves, aligned to its width, lies within one tile at its level. */
  async #perfect(start: number, width: number): Promise<Uint8Array | undefined> {
    let level = 0
    let leavesPerHash = 1
    while (leavesPerHash * tileWidth <= width) {
      level++
      leavesPerHash *= tileWidth
    }
    const first = start / leavesPerHash
    const index = Math.floor(first / tileWidth)
    const tile = await this.#tile(level, index, Math.floor(this.#size / leavesPerHash))
    const from = first - index * tileWidth
    const hashes = tile?.slice(from, from + width / leavesPerHash)
    return hashes && rootOfLeafHashes(hashes)
  }

  #tile(level: number, index: number, hashesAtLevel: number): Promise<Uint8Array[] | undefined> {
    const width = Math.min(tileWidth, hashesAtLevel - index * tileWidth)
    const path = resourcePath(level, index, width)
    let tile = this.#tiles.get(path)
    if (tile === undefined) {
      tile = this.#read(path, width * 32).then(bytes => bytes && parseTile(bytes, width))
      this.#tiles.set(path, tile)
    }
    return tile
  }
}
