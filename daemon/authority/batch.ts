import { joinBytes, putU16, putU32 } from '../../storage/bytes.ts'
import { sha256 } from '../../storage/sha256.ts'

/** Inputs that a gateway passes on together, under one signature of its node's identity. */
export interface InputBatch {
  /** The gateway's node number. */
  readonly gateway: number
  readonly bodies: readonly Uint8Array[]
  /** Ed25519, 64 bytes, over `inputBatchMessage`. */
  readonly signature: Uint8Array
}

export const maxBatchInputs = 1024
export const maxInputBytes = 4096

const domain = new TextEncoder().encode('freehold/gateway-batch/1\n')

/** What the gateway signs: the log's origin, its own number, and the hash of each body in order. */
export function inputBatchMessage(
  origin: string,
  gateway: number,
  bodyHashes: readonly Uint8Array[],
): Uint8Array {
  const name = new TextEncoder().encode(origin)
  const head = new Uint8Array(2 + name.length + 4 + 2)
  putU16(head, 0, name.length)
  head.set(name, 2)
  putU32(head, 2 + name.length, gateway)
  putU16(head, 6 + name.length, bodyHashes.length)
  return joinBytes([domain, head, ...bodyHashes])
}

export function bodyHash(body: Uint8Array): Uint8Array {
  return sha256(body)
}
