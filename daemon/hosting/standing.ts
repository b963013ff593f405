import { RaftDiskError } from '../../consensus/groups/raft-disk.ts'
import { putU32, putU64, readU32, readU64 } from '../../storage/bytes.ts'
import { checked, withChecksum } from '../../storage/checksum.ts'
import { authorityKey } from '../../storage/keys.ts'
import type { Store, StoreOp } from '../../storage/store.ts'

/** The Raft instance that a replica takes part in: what it applied since, and its applied point, are of this one. */
export interface Standing {
  readonly epoch: number
  readonly view: number
  /** Leaves in the log where the instance began. */
  readonly baseSize: number
}

const standingBytes = 16

/** CRC-32 ‖ epoch u32 ‖ view u32 ‖ base size u64 */
export function standingOp(group: number, { epoch, view, baseSize }: Standing): StoreOp {
  const value = new Uint8Array(standingBytes)
  putU32(value, 0, epoch)
  putU32(value, 4, view)
  putU64(value, 8, baseSize)
  return { key: standingKey(group), value: withChecksum(value) }
}

/** Without one on the disk it is the instance that the authority began with. @throws RaftDiskError */
export async function readStanding(
  store: Store,
  first: { readonly group: number; readonly epoch: number; readonly view: number },
): Promise<Standing> {
  const { group, epoch, view } = first
  const stored = await store.get(standingKey(group))
  if (stored === undefined) return { epoch, view, baseSize: 0 }
  const standing = decodeStanding(stored)
  if (standing === undefined) throw new RaftDiskError(first, 'which instance it takes part in')
  return standing
}

/** Undefined when it is not what was written. */
export function decodeStanding(stored: Uint8Array): Standing | undefined {
  const value = checked(stored)
  if (value?.length !== standingBytes) return undefined
  return { epoch: readU32(value, 0), view: readU32(value, 4), baseSize: readU64(value, 8) }
}

export const standingKey = (group: number): Uint8Array => authorityKey(group, 'instance')
