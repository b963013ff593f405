/** Signed notes and verifier keys (C2SP signed-note), and cosignatures (C2SP tlog-cosignature). */
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, equalBytes, fromBase64, hex, readU64, u64, utf8 } from './bytes.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { portableChecks, type SignatureChecks } from './signatures.ts'

export interface VerifierKey {
  readonly name: string
  /** Four bytes. */
  readonly id: Uint8Array
  readonly algorithm: number
  readonly publicKey: Uint8Array
}

export interface SignatureLine {
  readonly name: string
  readonly id: Uint8Array
  /** What stands behind the id. */
  readonly signature: Uint8Array
  /** Seconds since 1970, when it was checked and is a cosignature. */
  readonly timestampSeconds: number | undefined
}

export interface Note {
  readonly text: string
  readonly lines: readonly SignatureLine[]
}

export type NoteResult =
  | {
      readonly ok: true
      readonly text: string
      readonly verified: readonly SignatureLine[]
      readonly unknown: readonly SignatureLine[]
    }
  | { readonly ok: false; readonly code: 'malformed' | 'unverified' | 'invalid-signature' }

const keyLength = new Map([
  [1, 32],
  [4, 32],
  [6, 1312],
])
const maxChars = 2 ** 20
const maxLines = 100

/** Neither empty nor with a Unicode space or a plus in it. JavaScript's own \s lacks U+0085 and has U+FEFF. */
function isName(name: string): boolean {
  if (name === '' || name.includes('+')) return false
  for (const char of name) {
    if (char === '\u0085' || (char !== '\ufeff' && char.trim() === '')) return false
  }
  return true
}

/** What checks the signatures that this name makes with this key: of an algorithm of C2SP signed-note. */
export function verifierKey(name: string, algorithm: number, publicKey: Uint8Array): VerifierKey {
  const material = concat(Uint8Array.of(algorithm), publicKey)
  return { name, id: sha256(concat(utf8(`${name}\n`), material)).slice(0, 4), algorithm, publicKey }
}

/** Undefined unless the text is a key of a known algorithm, in its one form, with its own id. */
export function parseVerifierKey(text: string): VerifierKey | undefined {
  const first = text.indexOf('+')
  const second = text.indexOf('+', first + 1)
  if (first < 0 || second < 0) return undefined
  const name = text.slice(0, first)
  const material = fromBase64(text.slice(second + 1))
  if (!isName(name) || !material || keyLength.get(material[0] ?? 0) !== material.length - 1) return undefined
  const id = sha256(concat(utf8(`${name}\n`), material)).slice(0, 4)
  if (hex(id) !== text.slice(first + 1, second)) return undefined
  return { name, id, algorithm: material[0]!, publicKey: material.slice(1) }
}

export function parseNote(note: string): Note | undefined {
  const split = note.lastIndexOf('\n\n')
  if (note.length > maxChars || split < 0 || !note.endsWith('\n') || split + 2 >= note.length)
    return undefined
  if (!note.isWellFormed()) return undefined
  for (let i = 0; i < note.length; i++) {
    const code = note.charCodeAt(i)
    if (code < 0x20 && code !== 0x0a) return undefined
  }
  const texts = note.slice(split + 2, -1).split('\n')
  if (texts.length > maxLines) return undefined
  const lines = texts.map(parseLine)
  if (lines.includes(undefined)) return undefined
  return { text: note.slice(0, split + 1), lines: lines as SignatureLine[] }
}

function parseLine(line: string): SignatureLine | undefined {
  const [dash, name, base64, ...more] = line.split(' ')
  if (dash !== '—' || name === undefined || !isName(name) || !base64 || more.length > 0) return undefined
  const bytes = fromBase64(base64)
  if (!bytes || bytes.length < 5) return undefined
  return { name, id: bytes.slice(0, 4), signature: bytes.slice(4), timestampSeconds: undefined }
}

/** Checks all lines of known keys. One wrong line, or no line of a known key, refuses the note. */
export function openNote(
  note: string,
  keys: readonly VerifierKey[],
  checks: SignatureChecks = portableChecks,
): NoteResult {
  const parsed = parseNote(note)
  if (!parsed) return { ok: false, code: 'malformed' }
  const usable = checks.mlDsa44 ? keys : keys.filter(key => key.algorithm !== 6)
  const verified = new Map<VerifierKey, SignatureLine>()
  const unknown = new Map<string, SignatureLine>()
  for (const line of parsed.lines) {
    const key = usable.find(known => known.name === line.name && equalBytes(known.id, line.id))
    if (!key) unknown.set(`${line.name} ${hex(line.id)} ${hex(line.signature)}`, line)
    else if (!verified.has(key)) {
      const checked = checkLine(parsed.text, line, key, checks)
      if (!checked) return { ok: false, code: 'invalid-signature' }
      verified.set(key, checked)
    }
  }
  if (verified.size === 0) return { ok: false, code: 'unverified' }
  return { ok: true, text: parsed.text, verified: [...verified.values()], unknown: [...unknown.values()] }
}

/** The line, with its time when it has one; undefined when its signature is wrong. */
function checkLine(
  text: string,
  line: SignatureLine,
  key: VerifierKey,
  checks: SignatureChecks,
): SignatureLine | undefined {
  if (key.algorithm === 1) return checks.ed25519(key.publicKey, utf8(text), line.signature) ? line : undefined
  const checkpoint = parseCheckpoint(text)
  const timestampSeconds = timestampOf(line.signature)
  if (!checkpoint || timestampSeconds === undefined) return undefined
  const checked = { ...line, timestampSeconds }
  if (key.algorithm === 6) {
    const subtree = { origin: checkpoint.origin, start: 0, end: checkpoint.size, hash: checkpoint.root }
    return verifySubtree(key, subtree, line.signature, checks) ? checked : undefined
  }
  const message = utf8(`cosignature/v1\ntime ${timestampSeconds}\n${text}`)
  return checks.ed25519(key.publicKey, message, line.signature.slice(8)) ? checked : undefined
}

/** When a cosignature was made; undefined when the bytes are none, by their length. */
export function timestampOf(signature: Uint8Array): number | undefined {
  if (signature.length !== 8 + 64 && signature.length !== 8 + 2420) return undefined
  return readU64(signature, 0)
}

/** Leaves with `start ≤ leaf < end` of the log with this origin. */
export interface CosignedSubtree {
  readonly origin: string
  readonly start: number
  readonly end: number
  readonly hash: Uint8Array
}

/** Whether timestamp and ML-DSA-44 signature are the cosigner's on this subtree. */
export function verifySubtree(
  key: VerifierKey,
  subtree: CosignedSubtree,
  signature: Uint8Array,
  checks: SignatureChecks,
): boolean {
  const timestamp = timestampOf(signature)
  if (key.algorithm !== 6 || !checks.mlDsa44 || timestamp === undefined || signature.length !== 2428)
    return false
  const message = subtreeMessage(key.name, timestamp, subtree)
  return message !== undefined && checks.mlDsa44(key.publicKey, message, signature.slice(8))
}

/** The `cosigned_message` of C2SP tlog-cosignature. */
export function subtreeMessage(
  name: string,
  timestamp: number,
  subtree: CosignedSubtree,
): Uint8Array | undefined {
  const cosigner = utf8(name)
  const origin = utf8(subtree.origin)
  const fits = (bytes: Uint8Array) => bytes.length > 0 && bytes.length < 256
  if (!fits(cosigner) || !fits(origin) || (subtree.start > 0 && timestamp > 0)) return undefined
  return concat(
    utf8('subtree/v1\n\0'),
    Uint8Array.of(cosigner.length),
    cosigner,
    u64(timestamp),
    Uint8Array.of(origin.length),
    origin,
    u64(subtree.start),
    u64(subtree.end),
    subtree.hash,
  )
}
