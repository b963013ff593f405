import { joinBytes, putU32, readU32 } from '../../storage/bytes.ts'
import { checked, withChecksum } from '../../storage/checksum.ts'
import { authorityKey, logRange, snapshotRange } from '../../storage/keys.ts'
import { DamagedLogError } from '../../storage/log/log-store.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { appliedKey } from '../authority/applied.ts'

/** What a follower keeps beside the log: by whom it was decided. */
export interface Followed {
  /** The newest certificate; undefined before the first. */
  readonly certificate: Uint8Array | undefined
  /** That began the epochs after the first, in order. */
  readonly activations: readonly Uint8Array[]
}

const dropsAtOnce = 1_000
const tipKey = (group: number): Uint8Array => authorityKey(group, 'following/tip')
const epochsKey = (group: number): Uint8Array => authorityKey(group, 'following/epochs')

/** @param activations where there are more than before */
export function followedOps(
  group: number,
  certificate: Uint8Array,
  activations: readonly Uint8Array[] | undefined,
): StoreOp[] {
  const ops = [{ key: tipKey(group), value: withChecksum(certificate) }]
  if (activations !== undefined)
    ops.push({ key: epochsKey(group), value: withChecksum(joinBytes(activations.flatMap(withLength))) })
  return ops
}

/** @throws DamagedLogError */
export async function readFollowed(store: Store, group: number): Promise<Followed> {
  const [tip, epochs] = await store.getMany([tipKey(group), epochsKey(group)])
  const certificate = tip && checked(tip)
  const all = epochs && checked(epochs)
  const isDamaged = (tip !== undefined && certificate === undefined) || (epochs && all === undefined)
  if (isDamaged) throw new DamagedLogError(group, 0, 'the certificates of a followed log are unreadable')
  const activations: Uint8Array[] = []
  for (let at = 0; all !== undefined && at + 4 <= all.length; ) {
    const length = readU32(all, at)
    activations.push(all.slice(at + 4, at + 4 + length))
    at += 4 + length
  }
  return { certificate, activations }
}

/**
 * Drops a followed log, before a replica begins in its place: that one applies what its Raft instance tells it from the first leaf
 * on. And a replica's with its snapshots, before its node follows instead. What says how far it goes is dropped first, so that a
 * crash in between leaves nothing that would be taken for a whole log.
 */
export async function dropFollowed(store: Store, group: number): Promise<void> {
  await written(
    store,
    [appliedKey(group), tipKey(group), epochsKey(group)].map(key => ({ key, value: undefined })),
  )
  const ops: StoreOp[] = []
  // A member's snapshots go first: without the log below them nothing could begin from one.
  for (const range of [snapshotRange(group), logRange(group)]) {
    for await (const { key } of store.range(range)) {
      ops.push({ key, value: undefined })
      if (ops.length >= dropsAtOnce) await written(store, ops.splice(0))
    }
  }
  await written(store, ops)
}

/** Whether nothing, or all that is to be there, is. */
export async function isWhole(store: Store, group: number): Promise<boolean> {
  if ((await store.get(appliedKey(group))) !== undefined) return true
  for await (const _ of store.range({ ...logRange(group), limit: 1 })) return false
  return true
}

function written(store: Store, ops: readonly StoreOp[]): Promise<void> {
  return new Promise((resolve, reject) => {
    store.write(ops, { sync: true }, error => (error === undefined ? resolve() : reject(error)))
  })
}

function withLength(bytes: Uint8Array): Uint8Array[] {
  const length = new Uint8Array(4)
  putU32(length, 0, bytes.length)
  return [length, bytes]
}
