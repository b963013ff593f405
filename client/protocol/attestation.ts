/**
 * What a gateway signs of the inputs that it passes on, and the record that keeps it: for gateways and leaders who make it,
 * and for members and auditors who hold a log to it. Layouts are in docs/protocol.md.
 */
import { concat, utf8, view } from '../../audit/verify/bytes.ts'
import { HASH_BYTES, SIGNATURE_BYTES } from './session.ts'

const HEAD_BYTES = 6
const MAX_ATTESTED_INPUTS = 4096
const DOMAIN = utf8('freehold/gateway-batch/1\n')

/**
 * A gateway's signature over a batch of inputs that it passed on. Inputs of the batch that the leader did not propose
 * (retries, gaps) stand here as their hash, so that the signature can still be checked against the log.
 */
export interface Attestation {
  /** The gateway's node number. */
  readonly gateway: number
  /** In the batch's order: `undefined` for the next input record that follows, 32 bytes for one that doesn't. */
  readonly slots: readonly (Uint8Array | undefined)[]
  readonly signature: Uint8Array
}

export function encodeAttestation(attestation: Attestation): Uint8Array {
  let dropped = 0
  for (const slot of attestation.slots) if (slot !== undefined) dropped++
  const bytes = new Uint8Array(HEAD_BYTES + attestation.slots.length + dropped * HASH_BYTES + SIGNATURE_BYTES)
  const numbers = view(bytes)
  numbers.setUint32(0, attestation.gateway)
  numbers.setUint16(4, attestation.slots.length)
  let at = HEAD_BYTES
  for (const slot of attestation.slots) {
    bytes[at++] = slot === undefined ? 0 : 1
    if (slot === undefined) continue
    bytes.set(slot, at)
    at += HASH_BYTES
  }
  bytes.set(attestation.signature, at)
  return bytes
}

/** Undefined for anything that `encodeAttestation` would not have made. */
export function decodeAttestation(bytes: Uint8Array): Attestation | undefined {
  if (bytes.length < HEAD_BYTES + SIGNATURE_BYTES) return undefined
  const numbers = view(bytes)
  const count = numbers.getUint16(4)
  if (count > MAX_ATTESTED_INPUTS) return undefined
  const slots: (Uint8Array | undefined)[] = []
  let at = HEAD_BYTES
  for (let i = 0; i < count; i++) {
    const flag = bytes[at++]
    if (flag === 0) slots.push(undefined)
    else if (flag === 1 && at + HASH_BYTES <= bytes.length) {
      slots.push(bytes.subarray(at, at + HASH_BYTES))
      at += HASH_BYTES
    } else return undefined
  }
  if (at + SIGNATURE_BYTES !== bytes.length) return undefined
  return { gateway: numbers.getUint32(0), slots, signature: bytes.subarray(at) }
}

/** What the gateway signs: the log's origin, its own number, and the hash of each body in order. */
export function inputBatchMessage(
  origin: string,
  gateway: number,
  bodyHashes: readonly Uint8Array[],
): Uint8Array {
  return concat(batchHead(origin, gateway, bodyHashes.length), ...bodyHashes)
}

/** All of it but the hashes, which follow in order. */
export function batchHead(origin: string, gateway: number, count: number): Uint8Array {
  const name = utf8(origin)
  const head = new Uint8Array(2 + name.length + 4 + 2)
  const numbers = view(head)
  numbers.setUint16(0, name.length)
  head.set(name, 2)
  numbers.setUint32(2 + name.length, gateway)
  numbers.setUint16(6 + name.length, count)
  return concat(DOMAIN, head)
}
