import {
  logBatchRange,
  logTileRange,
  parseLogBatchKey,
  parseRaftKey,
  parseSnapshotKey,
  type RaftInstance,
  raftInstanceRange,
  raftRange,
  snapshotRange,
} from '../../../storage/keys.ts'
import { cutBodiesOps } from '../../../storage/log/drop-bodies.ts'
import { batchOp, LogReader } from '../../../storage/log/log-store.ts'
import { decodeBatch, encodeBatch, type LogRecord } from '../../../storage/log/record.ts'
import { tileWidth } from '../../../storage/log/tree.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import { appliedOp } from '../../authority/applied.ts'

/** What goes back is bounded by the tail that may be uncertified, and a little more. */
const maxFallenBytes = 32 * 1024 * 1024

export interface GoneBack {
  /** One batch, which leaves a log of exactly so many leaves, and the snapshots that are no newer. */
  readonly ops: readonly StoreOp[]
  /** The records that fell off, in order. */
  readonly fallen: readonly LogRecord[]
}

/** What takes a replica's log on the disk back to its first `size` leaves. No Raft instance's log is touched. */
export async function goBack(store: Store, group: number, size: number): Promise<GoneBack> {
  const ops: StoreOp[] = []
  const fallen: LogRecord[] = []
  let fallenBytes = 0
  for await (const batch of new LogReader(store, group).batches(size)) {
    const kept = Math.max(0, size - batch.firstLeaf)
    if (kept > 0) ops.push(shortened(group, batch, kept))
    fallenBytes += batch.bytes.length
    if (fallenBytes <= maxFallenBytes) fallen.push(...batch.records.slice(kept))
  }
  for await (const { key } of store.range(logBatchRange(group, size))) {
    if (parseLogBatchKey(key) !== undefined) ops.push({ key, value: undefined })
  }
  ops.push(...(await cutBodiesOps(store, group, size)))
  await dropTiles(store, group, size, ops)
  for await (const { key } of store.range(snapshotRange(group))) {
    if ((parseSnapshotKey(key)?.leaf ?? 0) > size) ops.push({ key, value: undefined })
  }
  ops.push(appliedOp(group, { index: 0, term: 0, size }))
  return { ops, fallen }
}

/** A seal ends its entry, unless a faulty leader put more behind it: what stands before goes on being there. */
function shortened(
  group: number,
  batch: { firstLeaf: number; index: number; term: number; records: readonly LogRecord[] },
  kept: number,
): StoreOp {
  const { firstLeaf, index, term, records } = batch
  return batchOp(group, firstLeaf, { index, term, batch: encodeBatch(records.slice(0, kept)) })
}

/** Full tiles that hold hashes of leaves past the end. */
async function dropTiles(store: Store, group: number, size: number, ops: StoreOp[]): Promise<void> {
  for (let level = 0, leaves = tileWidth; ; level++, leaves *= tileWidth) {
    let found = false
    for await (const _ of store.range({ ...logTileRange(group, level), limit: 1 })) found = true
    if (!found) return
    for await (const { key } of store.range(logTileRange(group, level, Math.floor(size / leaves))))
      ops.push({ key, value: undefined })
  }
}

/** A fetched batch, without what stands past `size`; undefined when it holds nothing before. */
export function upTo(batch: Uint8Array, firstLeaf: number, size: number): Uint8Array | undefined {
  const decoded = decodeBatch(batch)
  if (!decoded.ok || firstLeaf >= size) return undefined
  if (firstLeaf + decoded.records.length <= size) return batch
  return encodeBatch(decoded.records.slice(0, size - firstLeaf))
}

/** What Raft kept of the instances of a group that are over. */
export async function olderInstanceOps(store: Store, instance: RaftInstance): Promise<StoreOp[]> {
  const ops: StoreOp[] = []
  const { from } = raftRange(instance.group)
  for await (const { key } of store.range({ from, to: raftInstanceRange(instance).from })) {
    if (parseRaftKey(key) !== undefined) ops.push({ key, value: undefined })
  }
  return ops
}
