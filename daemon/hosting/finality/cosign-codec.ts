import { putU32, putU64, readU32, readU64 } from '../../../storage/bytes.ts'
import { ed25519SignatureBytes } from '../../../storage/log/cosignature.ts'

/** A node asks another member to cosign the checkpoint of this size. */
export interface CosignRequest {
  readonly group: number
  readonly size: number
}

export interface Cosignature extends CosignRequest {
  /** As it stands in the note behind the key id: time u64 ‖ Ed25519 signature. */
  readonly signature: Uint8Array
}

const headBytes = 12
const signatureBytes = 8 + ed25519SignatureBytes

/** group u32 ‖ size u64 */
export function encodeCosignRequest({ group, size }: CosignRequest): Uint8Array {
  const bytes = new Uint8Array(headBytes)
  putU32(bytes, 0, group)
  putU64(bytes, 4, size)
  return bytes
}

/** Undefined for what no honest node sends. */
export function decodeCosignRequest(bytes: Uint8Array): CosignRequest | undefined {
  return bytes.length === headBytes ? headOf(bytes) : undefined
}

/** group u32 ‖ size u64 ‖ time u64 ‖ signature 64 */
export function encodeCosignature(cosignature: Cosignature): Uint8Array {
  const bytes = new Uint8Array(headBytes + signatureBytes)
  bytes.set(encodeCosignRequest(cosignature))
  bytes.set(cosignature.signature, headBytes)
  return bytes
}

/** Undefined for what no honest node sends. */
export function decodeCosignature(bytes: Uint8Array): Cosignature | undefined {
  const head = bytes.length === headBytes + signatureBytes ? headOf(bytes) : undefined
  return head && { ...head, signature: bytes.slice(headBytes) }
}

function headOf(bytes: Uint8Array): CosignRequest | undefined {
  const size = readU64(bytes, 4)
  return Number.isSafeInteger(size) && size > 0 ? { group: readU32(bytes, 0), size } : undefined
}
