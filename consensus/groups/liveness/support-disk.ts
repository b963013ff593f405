import { crc32 } from 'node:zlib'
import { putU32, readU32 } from '../../../storage/bytes.ts'
import { nodeKey } from '../../../storage/keys.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import { MAX_SUPPORT_MS } from './liveness.ts'

const KEY = nodeKey('support')
const VALUE_BYTES = 8

/** Must be on disk before support for so long is promised. Value: CRC-32 of what follows, u32 milliseconds. */
export function promisedOp(longestMs: number): StoreOp {
  const value = new Uint8Array(VALUE_BYTES)
  putU32(value, 4, longestMs)
  putU32(value, 0, crc32(value.subarray(4)))
  return { key: KEY, value }
}

/** For a disk that has forgotten what was promised. */
export function forgottenPromisesOp(): StoreOp {
  return promisedOp(MAX_SUPPORT_MS)
}

/**
 * The longest support that this node has promised in an earlier life, 0 when it never did. A record that is damaged
 * says that there was one, and the most that any may say is assumed.
 */
export async function recoverPromised(store: Store): Promise<number> {
  const value = await store.get(KEY)
  if (value === undefined) return 0
  const isWhole = value.length === VALUE_BYTES && readU32(value, 0) === crc32(value.subarray(4))
  return isWhole ? Math.min(readU32(value, 4), MAX_SUPPORT_MS) : MAX_SUPPORT_MS
}
