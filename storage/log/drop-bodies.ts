import { logBatchRange, logLeavesRange, parseLogBatchKey } from '../keys.ts'
import type { Store, StoreOp } from '../store.ts'
import { bodiesHereOp, leafBundleOp, readLeafBundle } from './bodies-here.ts'
import { DamagedLogError } from './damaged.ts'
import { LogReader } from './log-store.ts'
import { decodeStoredBatch, leafDataBytes, maxBatchRecords, recordsInBatch } from './record.ts'
import { tileWidth } from './tree.ts'

/**
 * What to write, in one atomic batch, so that the bodies of all leaves below `to` are gone and everything that proves them
 * stays: their leaf data in bundles, then no batch that ends at or before `to`.
 * @param to a multiple of 256, within the log
 * @throws DamagedLogError
 */
export async function dropBodiesOps(store: Store, group: number, to: number): Promise<StoreOp[]> {
  const reader = new LogReader(store, group)
  const here = await reader.bodiesHere()
  if (to <= here.from) return []
  const ops: StoreOp[] = []
  for (let bundle = Math.floor(here.from / tileWidth); bundle < to / tileWidth; bundle++) {
    ops.push(leafBundleOp(group, bundle, await leavesOf(reader, group, bundle)))
  }
  ops.push(bodiesHereOp(group, { ...here, from: to }))
  // A batch that reaches past where the last step ended began before it.
  const first = Math.max(0, here.from - maxBatchRecords)
  for await (const { key, value } of store.range(logBatchRange(group, first, to))) {
    const stored = decodeStoredBatch(value)
    if (stored === undefined) throw new DamagedLogError(group, first, 'a batch was changed')
    if (parseLogBatchKey(key)!.firstLeaf + recordsInBatch(stored.batch) <= to)
      ops.push({ key, value: undefined })
  }
  return ops
}

/** What to write with the end of a log that goes back to its first `size` leaves: nothing is known of those behind. */
export async function cutBodiesOps(store: Store, group: number, size: number): Promise<StoreOp[]> {
  const { from, gapFrom, gapTo } = await new LogReader(store, group).bodiesHere()
  if (size >= Math.max(from, gapTo)) return []
  const here = { from: Math.min(from, size), gapFrom, gapTo: Math.min(gapTo, size) }
  const ops = [bodiesHereOp(group, here)]
  const behind = logLeavesRange(group, Math.ceil(size / tileWidth))
  for await (const { key } of store.range(behind)) ops.push({ key, value: undefined })
  return ops
}

/**
 * What to write so that no leaf data stands here but that of leaves whose bodies are not: what was fetched past them, for a log
 * that goes on from this one, may be of another.
 * @throws DamagedLogError
 */
export async function forgetFetchedOps(store: Store, group: number): Promise<StoreOp[]> {
  const { from, gapTo } = await new LogReader(store, group).bodiesHere()
  const needed = Math.max(from, gapTo)
  const [whole, rest] = [Math.floor(needed / tileWidth), needed % tileWidth]
  const ops: StoreOp[] = []
  for await (const { key } of store.range(logLeavesRange(group, whole))) ops.push({ key, value: undefined })
  if (rest === 0) return ops
  const data = await readLeafBundle(store, group, whole)
  return [...ops, leafBundleOp(group, whole, data.subarray(0, rest * leafDataBytes))]
}

async function leavesOf(reader: LogReader, group: number, bundle: number): Promise<Uint8Array> {
  const first = bundle * tileWidth
  const data = new Uint8Array(tileWidth * leafDataBytes)
  let count = 0
  for await (const leaf of reader.leaves(first, first + tileWidth))
    data.set(leaf.data, count++ * leafDataBytes)
  if (count < tileWidth) throw new DamagedLogError(group, first + count, 'records are missing')
  return data
}
