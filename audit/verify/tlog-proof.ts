/** C2SP tlog-proof: read, and verified against known keys. */
import { fromBase64, fromDecimal, toBase64 } from './bytes.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { verifyInclusion } from './merkle.ts'
import { openNote, type SignatureLine, type VerifierKey } from './note.ts'
import type { SignatureChecks } from './signatures.ts'

export interface TlogProof {
  /** Not authenticated by anything. */
  readonly extra: Uint8Array | undefined
  readonly index: number
  readonly proof: readonly Uint8Array[]
  readonly checkpoint: string
}

export function parseTlogProof(text: string): TlogProof | undefined {
  const end = text.indexOf('\n\n')
  const checkpoint = text.slice(end + 2)
  if (end < 0 || checkpoint === '') return undefined
  const [header, ...lines] = text.slice(0, end).split('\n')
  if (header !== 'c2sp.org/tlog-proof@v1') return undefined
  const hasExtra = lines[0]?.startsWith('extra ') ?? false
  const extra = hasExtra ? fromBase64(lines.shift()!.slice(6)) : undefined
  if (hasExtra && !extra) return undefined
  const [indexLine, ...hashes] = lines
  const index = indexLine?.startsWith('index ') ? fromDecimal(indexLine.slice(6)) : undefined
  const proof = hashes.map(fromBase64)
  if (index === undefined || proof.length > 64 || proof.some(hash => hash?.length !== 32)) return undefined
  return { extra, index, proof: proof as Uint8Array[], checkpoint }
}

/** Whose word counts: the log's own keys for an origin, and cosigners of which so many must have signed. */
export interface ProofPolicy {
  readonly origin: string
  readonly logKeys: readonly VerifierKey[]
  readonly cosignerKeys: readonly VerifierKey[]
  readonly cosignaturesNeeded: number
}

export type ProofRefusal =
  | 'malformed-proof'
  | 'malformed-checkpoint'
  | 'wrong-origin'
  | 'log-signature'
  | 'invalid-signature'
  | 'too-few-cosignatures'
  | 'not-included'

export type ProofResult =
  | {
      readonly ok: true
      readonly index: number
      readonly checkpoint: Checkpoint
      readonly lines: readonly SignatureLine[]
    }
  | { readonly ok: false; readonly code: ProofRefusal }

/** The four steps of C2SP tlog-proof: the caller computed the leaf's hash from what it wants proven. */
export function verifyTlogProof(
  text: string,
  leaf: Uint8Array,
  policy: ProofPolicy,
  checks?: SignatureChecks,
): ProofResult {
  const refuse = (code: ProofRefusal): ProofResult => ({ ok: false, code })
  const parsed = parseTlogProof(text)
  if (!parsed) return refuse('malformed-proof')
  const note = openNote(parsed.checkpoint, [...policy.logKeys, ...policy.cosignerKeys], checks)
  if (!note.ok && note.code === 'malformed') return refuse('malformed-checkpoint')
  if (!note.ok) return refuse(note.code === 'unverified' ? 'log-signature' : 'invalid-signature')
  const checkpoint = parseCheckpoint(note.text)
  if (!checkpoint) return refuse('malformed-checkpoint')
  if (checkpoint.origin !== policy.origin) return refuse('wrong-origin')
  const signedBy = (keys: readonly VerifierKey[]) =>
    keys.filter(key => note.verified.some(line => line.name === key.name && line.id.join() === key.id.join()))
      .length
  if (signedBy(policy.logKeys) === 0) return refuse('log-signature')
  if (signedBy(policy.cosignerKeys) < policy.cosignaturesNeeded) return refuse('too-few-cosignatures')
  if (!verifyInclusion(parsed.index, checkpoint.size, leaf, parsed.proof, checkpoint.root))
    return refuse('not-included')
  return { ok: true, index: parsed.index, checkpoint, lines: note.verified }
}

/** The other way of `parseTlogProof`. */
export function formatTlogProof({ extra, index, proof, checkpoint }: TlogProof): string {
  const lines = ['c2sp.org/tlog-proof@v1']
  if (extra) lines.push(`extra ${toBase64(extra)}`)
  lines.push(`index ${index}`, ...proof.map(toBase64))
  return `${lines.join('\n')}\n\n${checkpoint}`
}
