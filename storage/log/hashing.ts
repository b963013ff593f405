/** RFC 6962, section 2.1: the hashes of a merkle log's leaves and inner nodes. */
import { sha256 } from '../sha256.ts'

/** The root of a log without leaves: SHA-256 of nothing. */
export const emptyRoot: Uint8Array = sha256(new Uint8Array(0))

/** SHA-256(0x00 ‖ data). */
export function hashLeaf(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + data.length)
  bytes.set(data, 1)
  return sha256(bytes)
}

const pair = new Uint8Array(65)
pair[0] = 1

/** SHA-256(0x01 ‖ left ‖ right); both 32 bytes. */
export function hashChildren(left: Uint8Array, right: Uint8Array): Uint8Array {
  pair.set(left, 1)
  pair.set(right, 33)
  return sha256(pair)
}
