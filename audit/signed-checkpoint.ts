import { verifyEd25519 } from './crypto.ts'
import type { LogSigners } from './signers.ts'
import { equalBytes } from './verify/bytes.ts'
import { type Checkpoint, parseCheckpoint } from './verify/checkpoint.ts'
import { openNote, parseNote, type VerifierKey } from './verify/note.ts'

export interface OpenedCheckpoint {
  readonly ok: true
  readonly checkpoint: Checkpoint
  /** The signed note, verbatim. */
  readonly note: string
  /** Numbers of the members that signed it with their log keys, at least one. */
  readonly signedBy: readonly number[]
}

export interface RefusedCheckpoint {
  readonly ok: false
  /** `not-a-member`: only nodes signed it that are no members of the log's authority, as far as is known. */
  readonly code: 'bad-checkpoint' | 'bad-signature' | 'not-a-member'
  /** What it says of itself, where it can be read. */
  readonly size: number | undefined
  /** Numbers of these nodes. */
  readonly strangers: readonly number[]
}

/** Reads a C2SP tlog-checkpoint of a log that at least one of its members signed. */
export function openCheckpoint(bytes: Uint8Array, signers: LogSigners): OpenedCheckpoint | RefusedCheckpoint {
  const note = utf8Of(bytes)
  const text = note && parseNote(note)?.text
  const checkpoint = text === undefined || text === '' ? undefined : parseCheckpoint(text)
  const refuse = (code: RefusedCheckpoint['code'], strangers: readonly number[] = []): RefusedCheckpoint => ({
    ok: false,
    code,
    size: checkpoint?.size,
    strangers,
  })
  if (note === undefined || checkpoint === undefined || checkpoint.origin !== signers.origin)
    return refuse('bad-checkpoint')
  const signedBy = signersOf(note, signers, signers.keys)
  if (signedBy === 'invalid-signature') return refuse('bad-signature')
  if (signedBy.length > 0) return { ok: true, checkpoint, note, signedBy }
  const strangers = signersOf(note, signers, signers.strangersKeys)
  const isByStrangers = strangers !== 'invalid-signature' && strangers.length > 0
  return isByStrangers ? refuse('not-a-member', strangers) : refuse('bad-signature')
}

/** Which of these keys' nodes signed the note. */
function signersOf(
  note: string,
  signers: LogSigners,
  keys: readonly VerifierKey[],
): number[] | 'invalid-signature' {
  const opened = openNote(note, keys, { ed25519: verifyEd25519, mlDsa44: undefined })
  if (!opened.ok) return opened.code === 'unverified' ? [] : 'invalid-signature'
  const used = keys.filter(key => opened.verified.some(({ id }) => equalBytes(id, key.id)))
  return signers.nodesOf(used)
}

function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
