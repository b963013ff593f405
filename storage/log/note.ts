/** Signed notes (C2SP signed-note): a text, an empty line, and lines of signatures. */
import { putU32, readU32 } from '../bytes.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { isKeyName } from './vkey.ts'

const maxNoteChars = 1024 * 1024
/** The limit of Go's sumdb/note; the specification asks for at least 16. */
const maxNoteSignatures = 100

export interface NoteSignature {
  readonly name: string
  readonly keyId: number
  /** Without the key id that stands before it in the line. */
  readonly signature: Uint8Array
}

/** Checks the signatures of one known key. */
export interface NoteVerifier {
  readonly name: string
  readonly keyId: number
  verify(text: string, signature: Uint8Array): boolean
}

export interface NoteSigner {
  readonly name: string
  readonly keyId: number
  sign(text: string): Uint8Array
}

export interface ParsedNote {
  /** With its last newline, without the empty line. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export type OpenedNote =
  | {
      readonly ok: true
      readonly text: string
      readonly verified: readonly NoteSignature[]
      /** Of keys that were not given. */
      readonly unverified: readonly NoteSignature[]
    }
  | { readonly ok: false; readonly code: 'malformed' | 'unverified' | 'invalid-signature' }

/** A note is text without control characters other than newline. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the specification forbids
const forbidden = /[\u0000-\u0009\u000b-\u001f]/

export function parseNote(note: string): ParsedNote | undefined {
  if (note.length > maxNoteChars || !note.isWellFormed() || forbidden.test(note)) return undefined
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n') || split + 2 === note.length) return undefined
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > maxNoteSignatures) return undefined
  const signatures: NoteSignature[] = []
  for (const line of lines) {
    const signature = parseSignatureLine(line)
    if (!signature) return undefined
    signatures.push(signature)
  }
  return { text: note.slice(0, split + 1), signatures }
}

function parseSignatureLine(line: string): NoteSignature | undefined {
  const [, name, base64] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? []
  if (name === undefined || base64 === undefined || !isKeyName(name)) return undefined
  const bytes = decodeBase64(base64)
  if (!bytes || bytes.length < 5) return undefined
  return { name, keyId: readU32(bytes, 0), signature: bytes.subarray(4) }
}

function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  const bytes = new Uint8Array(4 + signature.length)
  putU32(bytes, 0, keyId)
  bytes.set(signature, 4)
  return `— ${name} ${encodeBase64(bytes)}\n`
}

/** The signature lines that `signers` put below a text, in their order. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  if (!text.endsWith('\n') || !text.isWellFormed() || forbidden.test(text)) {
    throw new RangeError("A note's text ends with a newline and has no other control characters.")
  }
  return `${text}\n${signatureLines(signatures)}`
}

/** The lines themselves, as they stand below a note or in a witness's answer. */
export function signatureLines(signatures: readonly NoteSignature[]): string {
  return signatures.map(formatSignatureLine).join('')
}

export function signNote(text: string, signers: readonly NoteSigner[]): string {
  const signatures = signers.map(signer => ({
    name: signer.name,
    keyId: signer.keyId,
    signature: signer.sign(text),
  }))
  return formatNote(text, signatures)
}

/**
 * Checks every signature whose key is known; one that is wrong, or no known key at all, refuses the note. Repeated
 * signatures of one known key, and repeated equal lines of others, count once.
 */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): OpenedNote {
  const parsed = parseNote(note)
  if (!parsed) return { ok: false, code: 'malformed' }
  const seen = new Set<string>()
  const verified: NoteSignature[] = []
  const unverified: NoteSignature[] = []
  for (const signature of parsed.signatures) {
    const verifier = verifiers.find(known => known.name === signature.name && known.keyId === signature.keyId)
    const once = verifier ? `${signature.name}+${signature.keyId}` : formatSignatureLine(signature)
    if (seen.has(once)) continue
    seen.add(once)
    if (!verifier) unverified.push(signature)
    else if (verifier.verify(parsed.text, signature.signature)) verified.push(signature)
    else return { ok: false, code: 'invalid-signature' }
  }
  if (verified.length === 0) return { ok: false, code: 'unverified' }
  return { ok: true, text: parsed.text, verified, unverified }
}
