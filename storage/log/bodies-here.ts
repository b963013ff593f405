/**
 * Which records' bodies a store has. Where one is not, only its leaf data stands here, in bundles of up to 256:
 *
 *   bodies here = CRC-32 ‖ from u64 ‖ gap from u64 ‖ gap to u64
 *   leaf bundle = CRC-32 ‖ leaf data 36 × (1 to 256)
 *
 * Batches stay as they were committed: leaf data is written by itself only when bodies go, so it costs the commit nothing.
 */
import { putU64, readU64 } from '../bytes.ts'
import { checked, withChecksum } from '../checksum.ts'
import { logBodiesKey, logLeavesKey } from '../keys.ts'
import type { Store, StoreOp } from '../store.ts'
import { DamagedLogError } from './damaged.ts'
import { leafDataBytes } from './record.ts'
import { tileWidth } from './tree.ts'

export interface BodiesHere {
  /** Those below were dropped. */
  readonly from: number
  /** Those with `gapFrom ≤ leaf < gapTo` were left out in a catch-up, and may be fetched yet. Both 0: none. */
  readonly gapFrom: number
  readonly gapTo: number
}

export const allBodies: BodiesHere = { from: 0, gapFrom: 0, gapTo: 0 }

const valueBytes = 24

export function bodiesHereOp(group: number, here: BodiesHere): StoreOp {
  const value = new Uint8Array(valueBytes)
  const gapFrom = Math.max(here.from, here.gapFrom)
  putU64(value, 0, here.from)
  if (gapFrom < here.gapTo) {
    putU64(value, 8, gapFrom)
    putU64(value, 16, here.gapTo)
  }
  return { key: logBodiesKey(group), value: withChecksum(value) }
}

/** @throws DamagedLogError */
export async function readBodiesHere(store: Store, group: number): Promise<BodiesHere> {
  const stored = await store.get(logBodiesKey(group))
  if (stored === undefined) return allBodies
  const value = checked(stored)
  if (value?.length !== valueBytes)
    throw new DamagedLogError(group, 0, 'which bodies it has is not what was written')
  return { from: readU64(value, 0), gapFrom: readU64(value, 8), gapTo: readU64(value, 16) }
}

/** The leaf at which bodies begin again, when that of `leaf` is not here. */
export function missingAt({ from, gapFrom, gapTo }: BodiesHere, leaf: number): number | undefined {
  if (leaf < from) return from === gapFrom ? Math.max(from, gapTo) : from
  return leaf >= gapFrom && leaf < gapTo ? gapTo : undefined
}

/** Where bodies end that are here from `leaf` on. */
export function missingFrom({ gapFrom, gapTo }: BodiesHere, leaf: number): number {
  return leaf < gapFrom && gapFrom < gapTo ? gapFrom : Number.POSITIVE_INFINITY
}

/** @param data leaf data, one after another, of the bundle's first leaves */
export function leafBundleOp(group: number, bundle: number, data: Uint8Array): StoreOp {
  return { key: logLeavesKey(group, bundle), value: withChecksum(data) }
}

/** The leaf data of the first leaves of a bundle, one after another. @throws DamagedLogError */
export async function readLeafBundle(store: Store, group: number, bundle: number): Promise<Uint8Array> {
  const stored = await store.get(logLeavesKey(group, bundle))
  const data = stored && checked(stored)
  if (data !== undefined && data.length > 0 && data.length % leafDataBytes === 0) return data
  throw new DamagedLogError(group, bundle * tileWidth, 'a bundle of leaves is missing or was changed')
}
