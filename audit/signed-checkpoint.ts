import { verifyEd25519 } from './crypto.ts'
import { type Checkpoint, parseCheckpoint } from './verify/checkpoint.ts'
import { openNote, parseNote, type VerifierKey } from './verify/note.ts'

export interface OpenedCheckpoint {
  readonly ok: true
  readonly checkpoint: Checkpoint
  /** The signed note, verbatim. */
  readonly note: string
  /** The keys that signed it. */
  readonly signers: readonly VerifierKey[]
}

export interface RefusedCheckpoint {
  readonly ok: false
  readonly code: 'bad-checkpoint' | 'bad-signature'
  /** What it says of itself, where it can be read. */
  readonly size: number | undefined
}

/** Reads a C2SP tlog-checkpoint of the log `origin`, signed by at least one of `keys`. */
export function openCheckpoint(
  bytes: Uint8Array,
  origin: string,
  keys: readonly VerifierKey[],
): OpenedCheckpoint | RefusedCheckpoint {
  const note = utf8Of(bytes)
  const text = note && parseNote(note)?.text
  const checkpoint = text === undefined || text === '' ? undefined : parseCheckpoint(text)
  const refuse = (code: RefusedCheckpoint['code']): RefusedCheckpoint => ({
    ok: false,
    code,
    size: checkpoint?.size,
  })
  if (note === undefined || checkpoint === undefined || checkpoint.origin !== origin)
    return refuse('bad-checkpoint')
  const opened = openNote(note, keys, { ed25519: verifyEd25519, mlDsa44: undefined })
  if (!opened.ok) return refuse('bad-signature')
  const signers = keys.filter(key => opened.verified.some(line => line.id.join() === key.id.join()))
  return { ok: true, checkpoint, note, signers }
}

function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
