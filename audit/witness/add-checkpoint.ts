/** The request of C2SP tlog-witness: `old <size>`, a consistency proof, an empty line, and a signed checkpoint. */
import { fromBase64, fromDecimal } from '../verify/bytes.ts'

export interface AddCheckpoint {
  readonly oldSize: number
  /** Hashes of 32 bytes, at most 63. */
  readonly proof: readonly Uint8Array[]
  readonly note: string
  /** The note's first line. */
  readonly origin: string
}

const oldHead = 'old '
const maxProofLines = 63

/** Undefined unless the body is a request in its one form; the note in it has not been looked at. */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint | undefined {
  const text = textOf(body)
  const split = text?.indexOf('\n\n') ?? -1
  if (text === undefined || split < 0) return undefined
  const [old, ...hashes] = text.slice(0, split).split('\n')
  if (!old?.startsWith(oldHead) || hashes.length > maxProofLines) return undefined
  const oldSize = fromDecimal(old.slice(oldHead.length))
  const proof = hashes.map(fromBase64)
  if (oldSize === undefined || !proof.every(isHash)) return undefined
  const note = text.slice(split + 2)
  return { oldSize, proof, note, origin: note.split('\n', 1)[0]! }
}

function isHash(bytes: Uint8Array | undefined): bytes is Uint8Array {
  return bytes?.length === 32
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return undefined
  }
}
