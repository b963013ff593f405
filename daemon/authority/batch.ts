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

export function bodyHash(body: Uint8Array): Uint8Array {
  return sha256(body)
}
