import { putU64, readU64 } from '../../storage/bytes.ts'
import { checked, withChecksum } from '../../storage/checksum.ts'
import { authorityKey } from '../../storage/keys.ts'
import type { StoreOp } from '../../storage/store.ts'

/** How far a replica has come: the last Raft entry that it applied, and its log's size after it. */
export interface AppliedPoint {
  readonly index: number
  readonly term: number
  readonly size: number
}

export const nothingApplied: AppliedPoint = { index: 0, term: 0, size: 0 }

export const appliedKey = (group: number): Uint8Array => authorityKey(group, 'applied')

/** CRC-32 ‖ index u64 ‖ size u64 ‖ term u64 */
export function appliedOp(group: number, { index, term, size }: AppliedPoint): StoreOp {
  const value = new Uint8Array(appliedBytes)
  putU64(value, 0, index)
  putU64(value, 8, size)
  putU64(value, 16, term)
  return { key: appliedKey(group), value: withChecksum(value) }
}

const appliedBytes = 24

/** Undefined when it is not what was written. */
export function decodeApplied(stored: Uint8Array): AppliedPoint | undefined {
  const value = checked(stored)
  if (value?.length !== appliedBytes) return undefined
  return { index: readU64(value, 0), size: readU64(value, 8), term: readU64(value, 16) }
}
