/** The merkle log of one authority in the store: what to write for it, and how it is read back. */

import { equalBytes, putU16 } from '../bytes.ts'
import { checked, withChecksum } from '../checksum.ts'
import {
  logBatchKey,
  logBatchRange,
  logTileKey,
  logTileRange,
  parseLogBatchKey,
  parseLogTileKey,
} from '../keys.ts'
import type { Store, StoreOp } from '../store.ts'
import { type BodiesHere, missingAt, missingFrom, readBodiesHere, readLeafBundle } from './bodies-here.ts'
import { DamagedLogError } from './damaged.ts'
import {
  decodeBatch,
  decodeStoredBatch,
  encodeStoredBatch,
  type LogRecord,
  leafData,
  leafDataBytes,
  leafHashes,
  type StoredBatch,
} from './record.ts'
import { fullTileBytes, MerkleLog, type ReadTile, type Tile, tileWidth } from './tree.ts'

export { DamagedLogError } from './damaged.ts'

export function batchOp(group: number, firstLeaf: number, stored: StoredBatch): StoreOp {
  return { key: logBatchKey(group, firstLeaf), value: encodeStoredBatch(stored) }
}

export function tileOps(group: number, tiles: readonly Tile[]): StoreOp[] {
  return tiles.map(({ level, index, hashes }) => ({
    key: logTileKey(group, level, index),
    value: withChecksum(hashes),
  }))
}

/** Its reads reject with a DamagedLogError when a tile is not what was written. */
export function tileReader(store: Store, group: number): ReadTile {
  return async (level, index) => {
    const value = await store.get(logTileKey(group, level, index))
    if (value === undefined) return undefined
    const hashes = checked(value)
    if (hashes?.length === fullTileBytes) return hashes
    throw new DamagedLogError(group, index * tileWidth ** (level + 1), 'a tile is not what was written')
  }
}

/** The records of one Raft entry. */
export interface RecordBatch {
  readonly firstLeaf: number
  /** Place in Raft's log. */
  readonly index: number
  readonly term: number
  readonly records: readonly LogRecord[]
  /** The records as they are in the Raft entry. */
  readonly bytes: Uint8Array
}

/** One leaf as anybody may know it. */
export interface StoredLeaf {
  readonly leaf: number
  /** 36 bytes (record.ts). */
  readonly data: Uint8Array
  /** Undefined where the body is not here. */
  readonly bodyBytes: number | undefined
}

/** Reads what was written with `batchOp`, and what is left of records whose bodies were dropped. */
export class LogReader {
  readonly #store: Store
  readonly #group: number

  constructor(store: Store, group: number) {
    this.#store = store
    this.#group = group
  }

  /**
   * The batches that hold any of the leaves with `from ≤ leaf < to`, whole, in order; fewer when the log is shorter.
   * @throws DamagedLogError when one is unreadable or missing in between
   */
  async *batches(from: number, to = Number.MAX_SAFE_INTEGER): AsyncGenerator<RecordBatch> {
    let expected: number | undefined
    for await (const entry of this.#store.range(
      logBatchRange(this.#group, await this.#batchStart(from), to),
    )) {
      const batch = this.#readBatch(entry.key, entry.value)
      if (expected !== undefined && batch.firstLeaf !== expected)
        throw this.#damaged(expected, 'a batch is missing')
      expected = batch.firstLeaf + batch.records.length
      if (expected > from) yield batch
    }
  }

  /** Of which records the bodies are here. */
  bodiesHere(): Promise<BodiesHere> {
    return readBodiesHere(this.#store, this.#group)
  }

  /** The leaves with `from ≤ leaf < to`, whether their bodies are here or not; fewer when the log is shorter. */
  async *leaves(from: number, to: number): AsyncGenerator<StoredLeaf> {
    let here = await this.bodiesHere()
    for (let at = from; at < to; ) {
      const begin = at
      const missingTo = missingAt(here, at)
      const end = Math.min(to, missingTo ?? missingFrom(here, at))
      try {
        for await (const leaf of missingTo === undefined
          ? this.#leavesOfBatches(at, end)
          : this.#leavesOfBundles(at, end)) {
          yield leaf
          at = leaf.leaf + 1
        }
        if (at === end) continue
      } catch (error) {
        if (!(error instanceof DamagedLogError) || !(await this.#hasChanged(here))) throw error
      }
      // Bodies may have been dropped while it read; where not, this is the end.
      const now = await this.bodiesHere()
      if (at === begin && now.from === here.from && now.gapFrom === here.gapFrom) return
      here = now
    }
  }

  async #hasChanged(here: BodiesHere): Promise<boolean> {
    const now = await this.bodiesHere()
    return now.from !== here.from || now.gapFrom !== here.gapFrom
  }

  async *#leavesOfBatches(from: number, to: number): AsyncGenerator<StoredLeaf> {
    for await (const { leaf, record } of this.records(from, to))
      yield { leaf, data: leafData(record), bodyBytes: record.body.length }
  }

  async *#leavesOfBundles(from: number, to: number): AsyncGenerator<StoredLeaf> {
    for (let leaf = from; leaf < to; ) {
      const bundle = Math.floor(leaf / tileWidth)
      const data = await readLeafBundle(this.#store, this.#group, bundle)
      const end = Math.min(to, bundle * tileWidth + data.length / leafDataBytes)
      if (end <= leaf) throw this.#damaged(leaf, 'leaves of dropped records are missing')
      for (; leaf < end; leaf++) {
        const at = (leaf - bundle * tileWidth) * leafDataBytes
        yield { leaf, data: data.subarray(at, at + leafDataBytes), bodyBytes: undefined }
      }
    }
  }

  /** The records of the leaves with `from ≤ leaf < to`, whose bodies are here; fewer when the log is shorter. */
  async *records(from: number, to: number): AsyncGenerator<{ leaf: number; record: LogRecord }> {
    for await (const batch of this.batches(from, to)) {
      const end = Math.min(batch.records.length, to - batch.firstLeaf)
      for (let i = Math.max(0, from - batch.firstLeaf); i < end; i++) {
        yield { leaf: batch.firstLeaf + i, record: batch.records[i]! }
      }
    }
  }

  /** Undefined also when its body is not here. */
  async record(leaf: number): Promise<LogRecord | undefined> {
    if (missingAt(await this.bodiesHere(), leaf) !== undefined) return undefined
    for await (const found of this.records(leaf, leaf + 1)) return found.record
    return undefined
  }

  /**
   * An entry bundle of C2SP tlog-tiles: the leaf data of the first `width` leaves of bundle `index`, each with its length as
   * a u16 before it. Undefined when the log isn't so long.
   */
  async entryBundle(index: number, width: number): Promise<Uint8Array | undefined> {
    const first = index * tileWidth
    const entryBytes = 2 + leafDataBytes
    const bytes = new Uint8Array(width * entryBytes)
    let count = 0
    for await (const { data } of this.leaves(first, first + width)) {
      putU16(bytes, count * entryBytes, leafDataBytes)
      bytes.set(data, count * entryBytes + 2)
      count += 1
    }
    return count === width ? bytes : undefined
  }

  /** The first leaf of the last batch that begins at or before `leaf`. */
  async #batchStart(leaf: number): Promise<number> {
    const range = { ...logBatchRange(this.#group, 0, leaf + 1), reverse: true, limit: 1 }
    for await (const { key } of this.#store.range(range)) return parseLogBatchKey(key)!.firstLeaf
    return leaf
  }

  #readBatch(key: Uint8Array, value: Uint8Array): RecordBatch {
    const at = parseLogBatchKey(key)
    if (!at) throw this.#damaged(0, 'a key is malformed')
    const stored = decodeStoredBatch(value)
    if (!stored) throw this.#damaged(at.firstLeaf, 'a batch was changed')
    const decoded = decodeBatch(stored.batch)
    if (!decoded.ok) throw this.#damaged(at.firstLeaf, `a batch is ${decoded.code}`)
    return {
      firstLeaf: at.firstLeaf,
      index: stored.index,
      term: stored.term,
      records: decoded.records,
      bytes: stored.batch,
    }
  }

  #damaged(leaf: number, what: string): DamagedLogError {
    return new DamagedLogError(this.#group, leaf, what)
  }
}

export interface RecoveredLog {
  readonly log: MerkleLog
  /** Place in Raft's log of the last batch with records; 0 when there is none. */
  readonly lastIndex: number
  readonly lastTerm: number
}

/**
 * The log of a group as the store has it: the right edge that the full tiles give, then the leaves of the batches past it.
 * @throws DamagedLogError or MissingTileError
 */
export async function recoverLog(store: Store, group: number): Promise<RecoveredLog> {
  const log = await logFromTiles(store, group)
  let last = { index: 0, term: 0 }
  for await (const batch of new LogReader(store, group).batches(Math.max(0, log.size - 1))) {
    const known = log.size - batch.firstLeaf
    if (known < 0) throw new DamagedLogError(group, log.size, 'a batch is missing')
    const tiles = log.append(leafHashes(batch.records.slice(known)))
    for (const tile of tiles) {
      const stored = await tileReader(store, group)(tile.level, tile.index)
      if (!stored || !equalBytes(stored, tile.hashes)) {
        throw new DamagedLogError(group, batch.firstLeaf, 'a full tile is missing or another')
      }
    }
    log.tilesWritten(tiles)
    last = batch
  }
  return { log, lastIndex: last.index, lastTerm: last.term }
}

async function logFromTiles(store: Store, group: number): Promise<MerkleLog> {
  let fullTiles = 0
  for await (const { key } of store.range({ ...logTileRange(group, 0), reverse: true, limit: 1 })) {
    fullTiles = parseLogTileKey(key)!.tile + 1
  }
  return MerkleLog.fromTiles(tileReader(store, group), fullTiles * tileWidth)
}
