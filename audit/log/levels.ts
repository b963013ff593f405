import { fastNodeHash } from '../crypto.ts'
import type { Findings } from '../findings.ts'
import { equalBytes } from '../verify/bytes.ts'
import { RootOfLeaves } from '../verify/merkle.ts'
import { resourcePath } from '../verify/tiles.ts'

interface Mismatch {
  readonly level: number
  readonly index: number
  readonly file: string
  readonly fault: 'other-hash' | 'missing-file' | 'wrong-length'
}

/** Undefined where it isn't known. */
type Hash = Uint8Array | undefined

interface Level {
  /** Hashes of the tile that is being filled, made from what lies below, or else from the file. */
  hashes: Hash[]
  count: number
  /** The same from the files, for the tile at the right edge. */
  told: Hash[]
}

const tileWidth = 256
const maxMismatches = 10_000

/** Builds a log's tiles from its leaves, level by level, and holds the served ones against them. */
export class TileLevels {
  readonly #size: number
  readonly #folder: string
  readonly #read: (path: string) => Promise<Uint8Array | undefined>
  readonly #levels: Level[] = []
  readonly #mismatches: Mismatch[] = []

  /**
   * @param folder of the log
   * @param read the bytes of a tile
   */
  constructor(size: number, folder: string, read: (path: string) => Promise<Uint8Array | undefined>) {
    this.#size = size
    this.#folder = folder
    this.#read = read
  }

  /** The leaf hashes of the next bundle. */
  async addLeaves(hashes: readonly Hash[]): Promise<void> {
    const level = this.#level(0)
    level.count += hashes.length
    if (hashes.length === tileWidth) return this.#addNode(1, rootOf(hashes))
    level.hashes = [...hashes]
    level.told = level.hashes
  }

  /** The root over all leaves, as they hash; of what isn't known of them, as the tiles above say. */
  root(): Hash {
    return rootOfEdges(this.#levels.map(level => level.hashes))
  }

  /**
   * Says what is wrong with the tiles above level 0, or with the leaves below them.
   * @param signedRoot what the checkpoint says
   */
  judge(signedRoot: Uint8Array, findings: Findings): void {
    const leadsThere = (root: Hash): boolean => root !== undefined && equalBytes(root, signedRoot)
    // Where the leaves don't lead to the signed root but the tiles do, the leaves were rewritten below the tiles.
    const byTiles = leadsThere(rootOfEdges(this.#levels.map(({ told }) => told)))
    const rewritten = byTiles && !leadsThere(this.root())
    const lowest = Math.min(...this.#mismatches.map(({ level }) => level))
    for (const { level, index, file, fault } of this.#mismatches) {
      const [first, last] = this.#leavesBelow(level, index)
      if (fault === 'missing-file') findings.add(fault, file, first, last, 'the file is missing')
      else if (fault === 'wrong-length')
        findings.add('malformed', file, first, last, 'the file has a wrong length')
      else if (!rewritten)
        findings.add('wrong-tile', file, first, last, 'the hash is not that of the leaves below it')
      else if (level === lowest)
        findings.add('rewritten', file, first, last, 'these leaves are not those that were signed')
    }
  }

  #level(number: number): Level {
    this.#levels[number] ??= { hashes: [], count: 0, told: [] }
    return this.#levels[number]
  }

  async #addNode(number: number, hash: Hash): Promise<void> {
    const level = this.#level(number)
    level.hashes.push(hash)
    level.count += 1
    const nodes = Math.floor(this.#size / tileWidth ** number)
    if (level.hashes.length < tileWidth && level.count < nodes) return
    await this.#compare(number, level)
    if (level.hashes.length < tileWidth) return
    const root = rootOf(level.hashes)
    level.hashes = []
    level.told = []
    await this.#addNode(number + 1, root)
  }

  async #compare(number: number, level: Level): Promise<void> {
    const width = level.hashes.length
    const index = Math.floor((level.count - 1) / tileWidth)
    const file = `${this.#folder}/${resourcePath(number, index, width)}`
    const bytes = await this.#read(file)
    const note = (i: number, fault: Mismatch['fault']): void => {
      if (this.#mismatches.length < maxMismatches)
        this.#mismatches.push({ level: number, index: index * tileWidth + i, file, fault })
    }
    level.told = level.hashes.map((hash, i) => {
      const told = bytes?.subarray(i * 32, i * 32 + 32)
      if (told?.length !== 32) {
        note(i, bytes === undefined ? 'missing-file' : 'wrong-length')
        return hash
      }
      if (hash !== undefined && !equalBytes(told, hash)) note(i, 'other-hash')
      return told
    })
    level.hashes = level.hashes.map((hash, i) => hash ?? level.told[i])
    if (bytes !== undefined && bytes.length > width * 32) note(width - 1, 'wrong-length')
  }

  #leavesBelow(level: number, index: number): [number, number] {
    const leaves = tileWidth ** level
    return [index * leaves, Math.min((index + 1) * leaves, this.#size) - 1]
  }
}

function rootOf(hashes: readonly Hash[]): Hash {
  const tree = new RootOfLeaves(fastNodeHash)
  for (const hash of hashes) {
    if (hash === undefined) return undefined
    tree.add(hash)
  }
  return tree.root()
}

/**
 * The root over the partial tiles at the right edge, lowest level first; what is right of a node hangs beside it as one
 * more.
 */
function rootOfEdges(edges: readonly (readonly Hash[])[]): Hash {
  let right: Hash
  let isEmpty = true
  for (const edge of edges) {
    const nodes = isEmpty ? edge : [...edge, right]
    if (nodes.length === 0) continue
    right = rootOf(nodes)
    isEmpty = false
  }
  return isEmpty ? rootOf([]) : right
}
