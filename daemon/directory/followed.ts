import { joinBytes, putU32, readU32 } from '../../storage/bytes.ts'
import { checked, withChecksum } from '../../storage/checksum.ts'
import { authorityKey } from '../../storage/keys.ts'
import { DamagedLogError } from '../../storage/log/log-store.ts'
import type { Store, StoreOp } from '../../storage/store.ts'

/** What a follower keeps beside the log: by whom it was decided. */
export interface Followed {
  /** The newest certificate; undefined before the first. */
  readonly certificate: Uint8Array | undefined
  /** That began the epochs after the first, in order. */
  readonly activations: readonly Uint8Array[]
}

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

function withLength(bytes: Uint8Array): Uint8Array[] {
  const length = new Uint8Array(4)
  putU32(length, 0, bytes.length)
  return [length, bytes]
}
