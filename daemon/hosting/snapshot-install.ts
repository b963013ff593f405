import { equalBytes } from '../../storage/bytes.ts'
import { parseSnapshotKey, snapshotManifestKey, snapshotRange } from '../../storage/keys.ts'
import { bodiesHereOp, leafBundleOp, readLeafBundle } from '../../storage/log/bodies-here.ts'
import { forgetFetchedOps } from '../../storage/log/drop-bodies.ts'
import { LogReader, tileOps } from '../../storage/log/log-store.ts'
import { leafDataHashes } from '../../storage/log/record.ts'
import { type MerkleLog, tileWidth } from '../../storage/log/tree.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { logUpTo } from './recover.ts'
import type { Download } from './snapshot-download.ts'

export interface InstallParts {
  readonly group: number
  readonly store: Store
  /** Resolves when the ops can be read back. */
  readonly write: (ops: readonly StoreOp[]) => Promise<void>
}

/** Bundles whose tiles are written in one batch. */
const bundlesAtOnce = 64

/**
 * Writes the tiles of a log that goes on to `size` leaves by the leaves that were fetched, and returns what makes the snapshot
 * the state of this replica: one batch, before which nothing of it counts.
 * @param own leaves whose records are here
 */
export async function installOps(
  parts: InstallParts,
  download: Download,
  own: number,
): Promise<readonly StoreOp[] | 'other-log'> {
  const { group, store } = parts
  const { bytes, info } = download.proven
  const log = await goOn(parts, download, own)
  // Each leaf that came is the members'; this shows that those that were here are too.
  if (!equalBytes(log.root(), download.root)) {
    // Pieces that were here may be of an attempt for what has fallen off since: the next one fetches them all.
    await parts.write(await forgetFetchedOps(store, group))
    return 'other-log'
  }
  const ops: StoreOp[] = [{ key: snapshotManifestKey(group, info.size), value: bytes }]
  for await (const { key } of store.range(snapshotRange(group))) {
    if (parseSnapshotKey(key)?.leaf !== info.size) ops.push({ key, value: undefined })
  }
  ops.push(...(await gapOps(parts, own, info.size)))
  if (download.tail.length > 0)
    ops.push(leafBundleOp(group, Math.floor(info.size / tileWidth), download.tail))
  return ops
}

/** The log up to the snapshot; its new tiles are written. */
async function goOn(
  { group, store, write }: InstallParts,
  download: Download,
  own: number,
): Promise<MerkleLog> {
  const { size } = download.proven.info
  const log = await logUpTo(store, group, Math.floor(own / tileWidth) * tileWidth)
  const whole = Math.floor(size / tileWidth)
  while (log.size < whole * tileWidth) {
    const tiles = []
    const to = Math.min(whole, log.size / tileWidth + bundlesAtOnce)
    for (let bundle = log.size / tileWidth; bundle < to; bundle++)
      tiles.push(...log.append(leafDataHashes(await readLeafBundle(store, group, bundle))))
    await write(tileOps(group, tiles))
    log.tilesWritten(tiles)
  }
  log.append(leafDataHashes(download.tail))
  return log
}

/** From the records that are here up to the snapshot, bodies are left out. One such gap is kept: an older one grows. */
async function gapOps({ group, store }: InstallParts, own: number, size: number): Promise<StoreOp[]> {
  const reader = new LogReader(store, group)
  const here = await reader.bodiesHere()
  const hasGap = here.gapFrom < here.gapTo
  const ops = [bodiesHereOp(group, { ...here, gapFrom: hasGap ? here.gapFrom : own, gapTo: size })]
  if (!hasGap) return ops
  for (let bundle = Math.floor(here.gapTo / tileWidth); bundle < Math.floor(own / tileWidth); bundle++) {
    const first = bundle * tileWidth
    const data: Uint8Array[] = []
    for await (const leaf of reader.leaves(first, first + tileWidth)) data.push(leaf.data)
    ops.push(leafBundleOp(group, bundle, Buffer.concat(data)))
  }
  return ops
}
