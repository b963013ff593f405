/**
 * Records, their leaves, and the batch that one Raft entry carries.
 *
 *   record header = version u8 = 1 ‖ kind u8 ‖ rules version u16
 *   leaf data     = header ‖ SHA-256(salt ‖ body)                         (36 bytes, public)
 *   leaf hash     = SHA-256(0x00 ‖ leaf data)                             (RFC 6962, section 2.1)
 *   batch         = format u8 = 1 ‖ count u32 ‖ (header ‖ salt ‖ body length u32 ‖ body) × count
 */
import { crc32 } from 'node:zlib'
import { putU16, putU32, putU64, readU16, readU32, readU64 } from '../bytes.ts'
import { putSha256 } from '../sha256.ts'

export const recordVersion = 1
const batchFormat = 1
export const headerBytes = 4
export const saltBytes = 16
export const hashBytes = 32
export const leafDataBytes = headerBytes + hashBytes
export const maxBodyBytes = 65_000
export const maxBatchRecords = 65_536
const maxBatchBytes = 16 * 1024 * 1024

/** What a record is about. */
export const recordKind = {
  /** The first leaf of an authority: its genesis entry and rules hash. */
  charter: 1,
  /** A gateway vouches for the input bodies that follow. */
  attestation: 2,
  input: 3,
  intent: 4,
  tick: 5,
  /** The state root is taken after this record. */
  mark: 6,
  /** Commits to the root at the last mark. */
  seal: 7,
  /** What becomes of an entity that changes owners (consensus/handover). */
  handover: 8,
} as const

export interface LogRecord {
  readonly kind: number
  readonly rulesVersion: number
  /** 16 random bytes, so that nobody can guess a body from its leaf. */
  readonly salt: Uint8Array
  /** At most 65,000 bytes. */
  readonly body: Uint8Array
}

export type BatchRefusal =
  | 'too-large'
  | 'unknown-format'
  | 'too-many-records'
  | 'truncated'
  | 'unknown-version'
  | 'unknown-kind'
  | 'body-too-large'
  | 'trailing-bytes'

export type DecodedBatch =
  | { readonly ok: true; readonly records: LogRecord[] }
  | { readonly ok: false; readonly code: BatchRefusal }

const batchHeaderBytes = 5
const recordOverheadBytes = headerBytes + saltBytes + 4

/** How many bytes a record takes in a batch. */
function recordSizeBytes(bodySizeBytes: number): number {
  return recordOverheadBytes + bodySizeBytes
}

function putHeader(bytes: Uint8Array, at: number, record: LogRecord): void {
  bytes[at] = recordVersion
  bytes[at + 1] = record.kind
  putU16(bytes, at + 2, record.rulesVersion)
}

/** The four header bytes of a record, as its leaf and its receipt carry them. */
export function recordHeader(record: LogRecord): Uint8Array {
  const header = new Uint8Array(headerBytes)
  putHeader(header, 0, record)
  return header
}

/** @throws RangeError when a record or the batch is past its limits: its maker must not let that happen. */
export function encodeBatch(records: readonly LogRecord[]): Uint8Array {
  let length = batchHeaderBytes
  for (const record of records) {
    checkRecord(record)
    length += recordSizeBytes(record.body.length)
  }
  if (records.length === 0) return new Uint8Array(0)
  if (records.length > maxBatchRecords || length > maxBatchBytes) {
    throw new RangeError(`A batch of ${records.length} records and ${length} bytes is too large.`)
  }
  const bytes = new Uint8Array(length)
  bytes[0] = batchFormat
  putU32(bytes, 1, records.length)
  let at = batchHeaderBytes
  for (const record of records) {
    putHeader(bytes, at, record)
    bytes.set(record.salt, at + headerBytes)
    putU32(bytes, at + headerBytes + saltBytes, record.body.length)
    bytes.set(record.body, at + recordOverheadBytes)
    at += recordOverheadBytes + record.body.length
  }
  return bytes
}

function checkRecord(record: LogRecord): void {
  if (!isKind(record.kind)) throw new RangeError(`There is no record kind ${record.kind}.`)
  if (record.salt.length !== saltBytes) throw new RangeError(`A salt has ${saltBytes} bytes.`)
  if (record.body.length > maxBodyBytes) throw new RangeError(`A body has at most ${maxBodyBytes} bytes.`)
  if (!(record.rulesVersion >= 0 && record.rulesVersion <= 0xffff))
    throw new RangeError('A rules version is a u16.')
}

function isKind(kind: number): boolean {
  return kind >= recordKind.charter && kind <= recordKind.handover
}

/** Salts and bodies of the result are views of `bytes`. No bytes at all are an empty batch (a leader's first entry). */
export function decodeBatch(bytes: Uint8Array): DecodedBatch {
  if (bytes.length === 0) return { ok: true, records: [] }
  if (bytes.length > maxBatchBytes) return refuse('too-large')
  if (bytes[0] !== batchFormat) return refuse('unknown-format')
  if (bytes.length < batchHeaderBytes) return refuse('truncated')
  const count = readU32(bytes, 1)
  if (count === 0) return refuse('truncated')
  if (count > maxBatchRecords) return refuse('too-many-records')
  if (count * recordOverheadBytes > bytes.length - batchHeaderBytes) return refuse('truncated')
  const records = new Array<LogRecord>(count)
  let at = batchHeaderBytes
  for (let i = 0; i < count; i++) {
    if (bytes.length - at < recordOverheadBytes) return refuse('truncated')
    if (bytes[at] !== recordVersion) return refuse('unknown-version')
    const kind = bytes[at + 1]!
    if (!isKind(kind)) return refuse('unknown-kind')
    const bodyLength = readU32(bytes, at + headerBytes + saltBytes)
    if (bodyLength > maxBodyBytes) return refuse('body-too-large')
    const bodyAt = at + recordOverheadBytes
    if (bytes.length - bodyAt < bodyLength) return refuse('truncated')
    records[i] = {
      kind,
      rulesVersion: readU16(bytes, at + 2),
      salt: bytes.subarray(at + headerBytes, at + headerBytes + saltBytes),
      body: bytes.subarray(bodyAt, bodyAt + bodyLength),
    }
    at = bodyAt + bodyLength
  }
  return at === bytes.length ? { ok: true, records } : refuse('trailing-bytes')
}

/** How many records a batch says that it has, without reading them. */
export function recordsInBatch(bytes: Uint8Array): number {
  return bytes.length < batchHeaderBytes ? 0 : readU32(bytes, 1)
}

function refuse(code: BatchRefusal): DecodedBatch {
  return { ok: false, code }
}

/** Salt and body stand side by side here while they are hashed: one call is faster than a hash object and two updates. */
const scratch = new Uint8Array(saltBytes + maxBodyBytes)
/** Its beginnings, where they are short: to make such a view costs a third of a hash. */
const scratchViews: Uint8Array[] = []
const maxViewBytes = 1024

function scratchUpTo(length: number): Uint8Array {
  if (length > maxViewBytes) return scratch.subarray(0, length)
  scratchViews[length] ??= scratch.subarray(0, length)
  return scratchViews[length]
}
const leafScratch = new Uint8Array(1 + leafDataBytes)

function putLeafData(bytes: Uint8Array, at: number, record: LogRecord): void {
  putHeader(bytes, at, record)
  scratch.set(record.salt, 0)
  scratch.set(record.body, saltBytes)
  putSha256(bytes, at + headerBytes, scratchUpTo(saltBytes + record.body.length))
}

/** What the merkle log hashes and tile/entries serves: 36 bytes. */
export function leafData(record: LogRecord): Uint8Array {
  const bytes = new Uint8Array(leafDataBytes)
  putLeafData(bytes, 0, record)
  return bytes
}

/** The RFC 6962 leaf hashes of all records, 32 bytes each, one after another. */
export function leafHashes(records: readonly LogRecord[]): Uint8Array {
  const hashes = new Uint8Array(records.length * hashBytes)
  leafScratch[0] = 0
  for (let i = 0; i < records.length; i++) {
    putLeafData(leafScratch, 1, records[i]!)
    putSha256(hashes, i * hashBytes, leafScratch)
  }
  return hashes
}

/** The RFC 6962 leaf hash of one record. */
export function leafHash(record: LogRecord): Uint8Array {
  return leafHashes([record])
}

/** The RFC 6962 leaf hashes of leaf data, 36 bytes each, one after another. */
export function leafDataHashes(data: Uint8Array): Uint8Array {
  const hashes = new Uint8Array((data.length / leafDataBytes) * hashBytes)
  leafScratch[0] = 0
  for (let i = 0; i * leafDataBytes < data.length; i++) {
    leafScratch.set(data.subarray(i * leafDataBytes, (i + 1) * leafDataBytes), 1)
    putSha256(hashes, i * hashBytes, leafScratch)
  }
  return hashes
}

/** A batch as the store keeps it under its first leaf: with the place in Raft's log that it came from. */
export interface StoredBatch {
  readonly index: number
  readonly term: number
  /** What `encodeBatch` made. */
  readonly batch: Uint8Array
}

const sumBytes = 4
const storedHeaderBytes = sumBytes + 16

/** CRC-32 u32 of what follows ‖ Raft index u64 ‖ term u64 ‖ batch. The sum is ours: LevelDB doesn't check its own on reads. */
export function encodeStoredBatch(stored: StoredBatch): Uint8Array {
  const bytes = new Uint8Array(storedHeaderBytes + stored.batch.length)
  putU64(bytes, sumBytes, stored.index)
  putU64(bytes, sumBytes + 8, stored.term)
  bytes.set(stored.batch, storedHeaderBytes)
  putU32(bytes, 0, crc32(bytes.subarray(sumBytes)))
  return bytes
}

/** Undefined unless the bytes are what `encodeStoredBatch` made. */
export function decodeStoredBatch(bytes: Uint8Array): StoredBatch | undefined {
  if (bytes.length < storedHeaderBytes || readU32(bytes, 0) !== crc32(bytes.subarray(sumBytes)))
    return undefined
  const index = readU64(bytes, sumBytes)
  const term = readU64(bytes, sumBytes + 8)
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(term)) return undefined
  return { index, term, batch: bytes.subarray(storedHeaderBytes) }
}
