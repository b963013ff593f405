/** C2SP tlog-cosignature: what a cosigner signs, and its timestamped signatures. */
import { putU64, readU64 } from '../bytes.ts'
import type { Checkpoint } from './checkpoint.ts'

export interface TimestampedSignature {
  /** Seconds since 1970. */
  readonly timestampSeconds: number
  readonly signature: Uint8Array
}

const timestampBytes = 8
export const ed25519SignatureBytes = 64
export const mlDsa44SignatureBytes = 2420

/** Undefined unless it is a timestamp and a signature of that many bytes. */
export function parseTimestamped(
  bytes: Uint8Array,
  signatureBytes: number,
): TimestampedSignature | undefined {
  if (bytes.length !== timestampBytes + signatureBytes) return undefined
  const timestampSeconds = readU64(bytes, 0)
  if (!Number.isSafeInteger(timestampSeconds)) return undefined
  return { timestampSeconds, signature: bytes.subarray(timestampBytes) }
}

export function formatTimestamped({ timestampSeconds, signature }: TimestampedSignature): Uint8Array {
  const bytes = new Uint8Array(timestampBytes + signature.length)
  putU64(bytes, 0, timestampSeconds)
  bytes.set(signature, timestampBytes)
  return bytes
}

/** When a cosignature, Ed25519 or ML-DSA-44, was made; undefined when it isn't one. */
export function cosignatureTimestamp(bytes: Uint8Array): number | undefined {
  const parsed =
    parseTimestamped(bytes, ed25519SignatureBytes) ?? parseTimestamped(bytes, mlDsa44SignatureBytes)
  return parsed?.timestampSeconds
}

/** What an Ed25519 cosigner signs for the note text of a checkpoint. */
export function cosignatureMessage(timestampSeconds: number, checkpointText: string): Uint8Array {
  return Buffer.from(`cosignature/v1\ntime ${timestampSeconds}\n${checkpointText}`)
}

/** The leaves with `start ≤ leaf < end` of a log. */
export interface Subtree {
  readonly origin: string
  readonly start: number
  readonly end: number
  readonly hash: Uint8Array
}

export function subtreeOfCheckpoint({ origin, size, root }: Checkpoint): Subtree {
  return { origin, start: 0, end: size, hash: root }
}

/** What an ML-DSA-44 cosigner signs; undefined when a name is too long or the timestamp isn't allowed. */
export function subtreeMessage(
  cosignerName: string,
  timestampSeconds: number,
  subtree: Subtree,
): Uint8Array | undefined {
  const name = Buffer.from(cosignerName)
  const origin = Buffer.from(subtree.origin)
  if (name.length < 1 || name.length > 255 || origin.length < 1 || origin.length > 255) return undefined
  if (subtree.start !== 0 && timestampSeconds !== 0) return undefined
  const numbers = new Uint8Array(24)
  putU64(numbers, 0, timestampSeconds)
  putU64(numbers, 8, subtree.start)
  putU64(numbers, 16, subtree.end)
  return Buffer.concat([
    Buffer.from('subtree/v1\n\0'),
    Uint8Array.of(name.length),
    name,
    numbers.subarray(0, 8),
    Uint8Array.of(origin.length),
    origin,
    numbers.subarray(8),
    subtree.hash,
  ])
}
