/** Freehold's records and their leaves, recomputed from the bytes that a replica or a backup hands out. */
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, view } from './bytes.ts'
import { leafHash } from './merkle.ts'

export interface LogRecord {
  /** version u8 ‖ kind u8 ‖ rules version u16. */
  readonly header: Uint8Array
  readonly kind: number
  readonly rulesVersion: number
  readonly salt: Uint8Array
  readonly body: Uint8Array
}

/** header ‖ SHA-256(salt ‖ body): what the log's leaf is made of. */
export function recordLeafData(header: Uint8Array, salt: Uint8Array, body: Uint8Array): Uint8Array {
  return concat(header, sha256(concat(salt, body)))
}

export function recordLeafHash(header: Uint8Array, salt: Uint8Array, body: Uint8Array): Uint8Array {
  return leafHash(recordLeafData(header, salt, body))
}

const maxBody = 65_000
const maxRecords = 65_536

/** The records of a batch: 1 ‖ count u32 ‖ (header 4 ‖ salt 16 ‖ length u32 ‖ body) × count, or nothing at all. Undefined when malformed. */
export function parseBatch(bytes: Uint8Array): LogRecord[] | undefined {
  if (bytes.length === 0) return []
  if (bytes.length < 5 || bytes[0] !== 1) return undefined
  const numbers = view(bytes)
  const count = numbers.getUint32(1)
  if (count === 0 || count > maxRecords) return undefined
  const records: LogRecord[] = []
  let at = 5
  while (records.length < count) {
    if (at + 24 > bytes.length) return undefined
    const header = bytes.slice(at, at + 4)
    const length = numbers.getUint32(at + 20)
    const end = at + 24 + length
    const kind = header[1]!
    if (header[0] !== 1 || kind < 1 || kind > 8 || length > maxBody || end > bytes.length) return undefined
    records.push({
      header,
      kind,
      rulesVersion: numbers.getUint16(at + 2),
      salt: bytes.slice(at + 4, at + 20),
      body: bytes.slice(at + 24, end),
    })
    at = end
  }
  return at === bytes.length ? records : undefined
}
