import { joinBytes, putU16, readU16 } from '../../storage/bytes.ts'
import { type Claim, readClaim, withoutWitnesses } from '../evidence/log-keys.ts'

export const checkpointsTopic = 'checkpoints'
export const maxMessageBytes = 64 * 1024
export const maxNotes = 128
/** A checkpoint with the signature lines of a node and of some witnesses. */
export const maxNoteBytes = 4 * 1024

const version = 1

/**
 * The checkpoints that a node tells of in one message: version u8 ‖ (u16 length ‖ signed note) each. Takes as many as
 * fit, in their order.
 */
export function encodeNotes(notes: readonly string[]): {
  readonly bytes: Uint8Array
  readonly taken: number
} {
  const parts = [Uint8Array.of(version)]
  let sizeBytes = 1
  let taken = 0
  for (const note of notes.slice(0, maxNotes)) {
    const bytes = Buffer.from(shortened(note))
    if (sizeBytes + 2 + bytes.length > maxMessageBytes) break
    const length = new Uint8Array(2)
    putU16(length, 0, bytes.length)
    parts.push(length, bytes)
    sizeBytes += 2 + bytes.length
    taken += 1
  }
  return { bytes: joinBytes(parts), taken }
}

/** Without the lines of witnesses where those are too many. */
function shortened(note: string): string {
  return Buffer.byteLength(note) <= maxNoteBytes ? note : withoutWitnesses(readClaim(note)!)
}

/** Undefined unless it is what `encodeNotes` makes: at least one note, each a checkpoint. */
export function decodeNotes(bytes: Uint8Array): Claim[] | undefined {
  if (bytes.length > maxMessageBytes || bytes[0] !== version) return undefined
  const claims: Claim[] = []
  for (let at = 1; at < bytes.length; ) {
    const length = at + 2 <= bytes.length ? readU16(bytes, at) : 0
    at += 2 + length
    if (length === 0 || length > maxNoteBytes || at > bytes.length || claims.length === maxNotes)
      return undefined
    const claim = claimOf(bytes.subarray(at - length, at))
    if (claim === undefined) return undefined
    claims.push(claim)
  }
  return claims.length === 0 ? undefined : claims
}

function claimOf(bytes: Uint8Array): Claim | undefined {
  try {
    return readClaim(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}
