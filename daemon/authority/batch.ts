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
/** Of any kind of authority: each has a limit of its own (`Rules.maxInputBytes`). */
export const maxInputBytes = 8192

export function bodyHash(body: Uint8Array): Uint8Array {
  return sha256(body)
}
