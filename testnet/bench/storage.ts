import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { entryOp, removeEntryOp } from '../../consensus/groups/raft-disk.ts'
import { EntryType } from '../../consensus/raft/types.ts'
import { SnapshotKeeper } from '../../daemon/hosting/snapshots.ts'
import { dropBodiesOps } from '../../storage/log/drop-bodies.ts'
import { tileWidth } from '../../storage/log/tree.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { openLevelStore } from '../../storage/store-level.ts'
import { playLog } from './audit/make-log.ts'
import type { Belongings } from './belongings.ts'
import { numberFlags } from './flags.ts'
import { machine } from './machine.ts'

/** All of them are in memory for a moment. */
const defaultRecords = 200_000
const instance = { group: 1, epoch: 1, view: 0 }
const bundlesAtOnce = 16
const writeEveryOps = 2_000

/** What a key is for, by its letter and, in a log, its part (storage/keys.ts). */
const purposes: Readonly<Record<string, string>> = {
  Lb: 'recordBytes',
  Lt: 'tileBytes',
  Ll: 'leafBytes',
  R: 'raftBytes',
  S: 'snapshotBytes',
}

/** One replica's store, as real play fills it: first with all bodies, then with those of the newest tenth of the records. */
export async function benchStorage(belongings: Belongings, flags: readonly string[]): Promise<object> {
  const { records } = numberFlags(flags, { records: defaultRecords })
  const folder = belongings.folder()
  const path = join(folder, 'store')
  const store = await openLevelStore(path)
  const { size, writtenBytes } = await fill(store, folder, records)
  const whole = await measure(store)
  await store.close()
  const again = await openLevelStore(path)
  const diskBytes = sizeOf(path)
  const kept = Math.floor((size * 0.9) / tileWidth) * tileWidth
  for (let to = 0; to < kept; ) {
    to = Math.min(kept, to + bundlesAtOnce * tileWidth)
    await write(again, await dropBodiesOps(again, instance.group, to))
  }
  const dropped = await measure(again)
  await again.close()
  return {
    benchmark: 'storage',
    records: size,
    writtenBytesPerRecord: Math.round(writtenBytes / size),
    diskBytes,
    diskBytesPerMillion: Math.round((diskBytes / size) * 1_000_000),
    ...{ withBodies: whole, withTenthOfBodies: dropped },
    machine: machine(),
  }
}

async function fill(
  store: Store,
  folder: string,
  records: number,
): Promise<{ size: number; writtenBytes: number }> {
  const ops: StoreOp[] = []
  let size = 0
  let writtenBytes = 0
  let cut = 0
  const keeper = new SnapshotKeeper({
    ...{ group: instance.group, kept: [], bytesSince: 0 },
    write: more => ops.push(...more),
    compact: index => {
      for (; cut <= index; cut++) ops.push(removeEntryOp(instance, cut))
    },
  })
  const written: Promise<void>[] = []
  playLog(folder, records, (entry, delivery, replica) => {
    ops.push(entryOp(instance, { ...entry, type: EntryType.Normal }), ...delivery.ops)
    keeper.applied(entry.data.length)
    if (delivery.entries.at(-1)?.marked) keeper.take(replica, entry)
    size = replica.log.size
    if (ops.length < writeEveryOps) return
    for (const { value } of ops) writtenBytes += value?.length ?? 0
    written.push(write(store, ops.splice(0)))
  })
  await Promise.all([...written, write(store, ops)])
  return { size, writtenBytes }
}

function write(store: Store, ops: readonly StoreOp[]): Promise<void> {
  return new Promise((resolve, reject) =>
    store.write(ops, { sync: false }, error => (error === undefined ? resolve() : reject(error))),
  )
}

/** Keys and values, before LevelDB compresses them. */
async function measure(store: Store): Promise<Record<string, number>> {
  const bytes: Record<string, number> = Object.fromEntries(Object.values(purposes).map(name => [name, 0]))
  for await (const { key, value } of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) })) {
    const letter = String.fromCharCode(key[0]!)
    const name = purposes[letter === 'L' ? `L${String.fromCharCode(key[5]!)}` : letter]
    if (name !== undefined) bytes[name]! += key.length + value.length
  }
  return { ...bytes, totalBytes: Object.values(bytes).reduce((sum, each) => sum + each, 0) }
}

function sizeOf(path: string): number {
  return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
}
