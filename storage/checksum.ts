import { crc32 } from 'node:zlib'
import { putU32, readU32 } from './bytes.ts'

/** A disk may give back other bytes than it was given: what nothing else proves has a CRC-32 before it. */
const sumBytes = 4

export function withChecksum(bytes: Uint8Array): Uint8Array {
  const value = new Uint8Array(sumBytes + bytes.length)
  putU32(value, 0, crc32(bytes))
  value.set(bytes, sumBytes)
  return value
}

/** The bytes behind the checksum; undefined when it is not theirs. */
export function checked(value: Uint8Array): Uint8Array | undefined {
  if (value.length < sumBytes) return undefined
  const bytes = value.subarray(sumBytes)
  return readU32(value, 0) === crc32(bytes) ? bytes : undefined
}
