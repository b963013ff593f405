import { copyBytes, joinBytes } from '../bytes.ts'
import { putSha256 } from '../sha256.ts'
import { emptyRoot, hashChildren } from './hashing.ts'

export const tileWidth = 256
export const tileHeight = 8
export const fullTileBytes = tileWidth * 32
/** Of a log of up to 2^53 leaves. */
const maxHeight = 54

/** 0x01 ‖ left ‖ right: what an inner node is hashed from. */
const pair = new Uint8Array(1 + 2 * 32)
pair[0] = 1

/** A full tile of C2SP tlog-tiles: 256 hashes of level `level`. */
export interface Tile {
  readonly level: number
  readonly index: number
  /** 8192 bytes. */
  readonly hashes: Uint8Array
}

/** Reads a full tile, 8192 bytes; undefined when there is none. */
export type ReadTile = (level: number, index: number) => Promise<Uint8Array | undefined>

/** The tile at the right end of one level, not yet full. */
interface Edge {
  readonly hashes: Uint8Array
  width: number
  index: number
}

/**
 * An RFC 6962 merkle log. It holds only its right edge: full tiles are handed to the caller of `append`, who
 * writes them to the store, and are read back through `readTile` for proofs.
 */
export class MerkleLog {
  readonly #readTile: ReadTile
  #size = 0
  /** The perfect subtrees that the log consists of, by their height: there where the size has a bit, 32 bytes each. */
  readonly #peaks = new Uint8Array(maxHeight * 32)
  readonly #edges: Edge[] = []
  /** Tiles that left the edge and of which the store may not know yet. */
  readonly #unwritten = new Map<string, Uint8Array>()

  constructor(readTile: ReadTile) {
    this.#readTile = readTile
  }

  get size(): number {
    return this.#size
  }

  /**
   * Appends leaf hashes, 32 bytes each, one after another. Returns the tiles that became full: the caller writes them in
   * the same batch as the records and then calls `tilesWritten`.
   */
  append(leafHashes: Uint8Array): Tile[] {
    if (leafHashes.length % 32 !== 0) throw new RangeError('Leaf hashes have 32 bytes each.')
    const tiles: Tile[] = []
    for (let at = 0; at < leafHashes.length; at += 32) {
      this.#push(leafHashes, at, tiles)
      this.#size += 1
    }
    for (const tile of tiles) this.#unwritten.set(tileName(tile.level, tile.index), tile.hashes)
    return tiles
  }

  /** Adds one leaf: with each perfect subtree of its own height to its left it becomes one of twice the size. */
  #push(hashes: Uint8Array, at: number, tiles: Tile[]): void {
    for (let i = 0; i < 32; i++) pair[33 + i] = hashes[at + i]!
    this.#pushEdge(0, tiles)
    let height = 0
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      for (let i = 0; i < 32; i++) pair[1 + i] = this.#peaks[32 * height + i]!
      putSha256(pair, 33, pair)
      height += 1
      if (height % tileHeight === 0) this.#pushEdge(height / tileHeight, tiles)
    }
    for (let i = 0; i < 32; i++) this.#peaks[32 * height + i] = pair[33 + i]!
  }

  /** The hash is the right half of `pair`. */
  #pushEdge(level: number, tiles: Tile[]): void {
    const edge = this.#edgeAt(level)
    for (let i = 0, at = edge.width * 32; i < 32; i++) edge.hashes[at + i] = pair[33 + i]!
    edge.width += 1
    if (edge.width < tileWidth) return
    tiles.push({ level, index: edge.index, hashes: edge.hashes.slice() })
    edge.width = 0
    edge.index += 1
  }

  #edgeAt(level: number): Edge {
    while (this.#edges.length <= level)
      this.#edges.push({ hashes: new Uint8Array(fullTileBytes), width: 0, index: 0 })
    return this.#edges[level]!
  }

  /** The store has these tiles now. */
  tilesWritten(tiles: readonly Tile[]): void {
    for (const tile of tiles) this.#unwritten.delete(tileName(tile.level, tile.index))
  }

  /** The root over all leaves. */
  root(): Uint8Array {
    const peaks: Uint8Array[] = []
    let height = 0
    for (let rest = this.#size; rest > 0; rest = Math.floor(rest / 2), height++) {
      if (rest % 2 === 1) peaks.unshift(copyBytes(this.#peaks, 32 * height, 32 * height + 32))
    }
    return foldPeaks(peaks)
  }

  /** The root that the log had when it had `size` leaves. */
  async rootAt(size: number): Promise<Uint8Array> {
    this.#checkSize(size)
    if (size === this.#size) return this.root()
    return this.#rangeHash(0, size, new Map())
  }

  /** RFC 6962, section 2.1.1: the path of the leaf at `index` in the log of `size` leaves. */
  async inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    this.#checkSize(size)
    if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) {
      throw new RangeError(`A log of ${size} leaves has no leaf ${index}.`)
    }
    return this.#hashRanges(inclusionRanges(index, size))
  }

  /**
   * The hashes of some leaves (ascending), and those of the largest subtrees that hold none of them, from left to right, 32
   * bytes each: together they make the root of the log of `size` leaves (audit/verify/leaves.ts).
   */
  async leavesProof(
    leaves: readonly number[],
    size: number,
  ): Promise<{ hashes: Uint8Array; proof: Uint8Array }> {
    this.#checkSize(size)
    const read = new Map<string, Uint8Array>()
    const hashes: Uint8Array[] = []
    for (const leaf of leaves) hashes.push(await this.#rangeHash(leaf, leaf + 1, read))
    const proof: Uint8Array[] = []
    for (const [start, end] of rangesAround(leaves, size)) proof.push(await this.#rangeHash(start, end, read))
    return { hashes: joinBytes(hashes), proof: joinBytes(proof) }
  }

  /** RFC 6962, section 2.1.2: that the log of `oldSize` leaves is the beginning of the one of `size`. */
  async consistencyProof(oldSize: number, size: number): Promise<Uint8Array[]> {
    this.#checkSize(size)
    if (!(Number.isSafeInteger(oldSize) && oldSize >= 0 && oldSize <= size)) {
      throw new RangeError(`A log of ${size} leaves had no ${oldSize} leaves before.`)
    }
    return this.#hashRanges(consistencyRanges(oldSize, size))
  }

  /** The first `width` hashes of a tile, 1 to 256; undefined when the log doesn't reach so far. */
  async tile(level: number, index: number, width: number): Promise<Uint8Array | undefined> {
    const edge = this.#edges[level]
    if (edge && edge.index === index) {
      return width <= edge.width ? edge.hashes.slice(0, width * 32) : undefined
    }
    if (!edge || index > edge.index) return undefined
    return (await this.#fullTile(level, index)).subarray(0, width * 32)
  }

  async #fullTile(level: number, index: number): Promise<Uint8Array> {
    const tile = this.#unwritten.get(tileName(level, index)) ?? (await this.#readTile(level, index))
    if (tile?.length !== fullTileBytes) throw new MissingTileError(level, index)
    return tile
  }

  #checkSize(size: number): void {
    if (Number.isSafeInteger(size) && size >= 0 && size <= this.#size) return
    throw new RangeError(`The log has ${this.#size} leaves and not yet ${size}.`)
  }

  async #hashRanges(ranges: readonly LeafRange[]): Promise<Uint8Array[]> {
    const read = new Map<string, Uint8Array>()
    const hashes: Uint8Array[] = []
    for (const [start, end] of ranges) hashes.push(await this.#rangeHash(start, end, read))
    return hashes
  }

  /** MTH(D[start:end]): the perfect subtrees that the range consists of, folded from the right. */
  async #rangeHash(start: number, end: number, read: Map<string, Uint8Array>): Promise<Uint8Array> {
    const hashes: Uint8Array[] = []
    for (let at = start; at < end; ) {
      const height = heightOfLargestPowerUpTo(end - at)
      hashes.push(await this.#nodeHash(height, at / 2 ** height, read))
      at += 2 ** height
    }
    return foldPeaks(hashes)
  }

  /** The hash of the perfect subtree of 2^height leaves, the `index`-th of its height. */
  async #nodeHash(height: number, index: number, read: Map<string, Uint8Array>): Promise<Uint8Array> {
    const level = Math.floor(height / tileHeight)
    const width = 2 ** (height % tileHeight)
    const first = index * width
    const tileIndex = Math.floor(first / tileWidth)
    const name = tileName(level, tileIndex)
    let hashes = read.get(name)
    if (!hashes) {
      const edge = this.#edges[level]
      hashes =
        edge?.index === tileIndex
          ? edge.hashes.slice(0, edge.width * 32)
          : await this.#fullTile(level, tileIndex)
      read.set(name, hashes)
    }
    return perfectRoot(hashes, first % tileWidth, width)
  }

  /**
   * A log of `size` leaves, a multiple of 256, from the full tiles in the store; the leaves after them are appended by the
   * caller. Reads at most 255 tiles of each level.
   * @throws MissingTileError
   */
  static async fromTiles(readTile: ReadTile, size: number): Promise<MerkleLog> {
    const log = new MerkleLog(readTile)
    log.#size = size
    let full = size
    for (let level = 0; full > 0; level++) {
      const edge = log.#edgeAt(level)
      const below = level - 1
      edge.index = Math.floor(full / tileWidth)
      edge.width = full % tileWidth
      for (let i = 0; i < edge.width; i++) {
        const tile = await log.#fullTile(below, edge.index * tileWidth + i)
        edge.hashes.set(perfectRoot(tile, 0, tileWidth), i * 32)
      }
      full = edge.index
    }
    await log.#findPeaks()
    return log
  }

  /** The perfect subtrees that the size consists of, which all stand on the edge. */
  async #findPeaks(): Promise<void> {
    const read = new Map<string, Uint8Array>()
    for (let at = 0; at < this.#size; ) {
      const height = heightOfLargestPowerUpTo(this.#size - at)
      this.#peaks.set(await this.#nodeHash(height, at / 2 ** height, read), 32 * height)
      at += 2 ** height
    }
  }
}

/** A full tile that the log must have isn't in the store. */
export class MissingTileError extends Error {
  readonly code = 'missing-tile'
  readonly level: number
  readonly index: number

  constructor(level: number, index: number) {
    super(`Tile ${index} of level ${level} is missing from the store: the log can't be proven from here.`)
    this.name = 'MissingTileError'
    this.level = level
    this.index = index
  }
}

type LeafRange = readonly [start: number, end: number]

/** The subtrees whose hashes prove leaf `index` in `size` leaves, nearest first: PATH of RFC 6962, section 2.1.1. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  const ranges: LeafRange[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + splitPoint(end - start)
    if (index < middle) {
      ranges.push([middle, end])
      end = middle
    } else {
      ranges.push([start, middle])
      start = middle
    }
  }
  return ranges.reverse()
}

/** The largest subtrees of a log of `size` leaves that hold none of these (ascending), from left to right. */
function rangesAround(leaves: readonly number[], size: number): LeafRange[] {
  const ranges: LeafRange[] = []
  let next = 0
  const visit = (start: number, end: number): void => {
    if (!(leaves[next]! < end)) ranges.push([start, end])
    else if (end - start === 1) next++
    else {
      const middle = start + splitPoint(end - start)
      visit(start, middle)
      visit(middle, end)
    }
  }
  visit(0, size)
  return ranges
}

/** SUBPROOF of RFC 6962, section 2.1.2. Nothing has to be proven about the empty log, or about a log and itself. */
export function consistencyRanges(oldSize: number, size: number): LeafRange[] {
  if (oldSize === 0 || oldSize === size) return []
  const ranges: LeafRange[] = []
  let start = 0
  let end = size
  while (end !== oldSize) {
    const middle = start + splitPoint(end - start)
    if (oldSize <= middle) {
      ranges.push([middle, end])
      end = middle
    } else {
      ranges.push([start, middle])
      start = middle
    }
  }
  // While `start` is still 0 the old root itself is the node, and its verifier has that.
  if (start !== 0) ranges.push([start, end])
  return ranges.reverse()
}

/** The largest power of two below `count`, which is at least 2. Doubles and not bit operations: sizes reach 2^53. */
function splitPoint(count: number): number {
  return 2 ** heightOfLargestPowerUpTo(count - 1)
}

function heightOfLargestPowerUpTo(count: number): number {
  const high = Math.floor(count / 2 ** 32)
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(count)
}

function foldPeaks(hashes: readonly Uint8Array[]): Uint8Array {
  let root = hashes.at(-1)
  if (!root) return emptyRoot
  for (let i = hashes.length - 2; i >= 0; i--) root = hashChildren(hashes[i]!, root)
  return root
}

/** The root over `width` (a power of two) hashes of a tile. */
export function perfectRoot(hashes: Uint8Array, first: number, width: number): Uint8Array {
  if (width === 1) return copyBytes(hashes, first * 32, first * 32 + 32)
  const half = width / 2
  return hashChildren(perfectRoot(hashes, first, half), perfectRoot(hashes, first + half, half))
}

function tileName(level: number, index: number): string {
  return `${level}/${index}`
}
