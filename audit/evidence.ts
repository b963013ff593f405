/** Proof that somebody lied, in a file that proves itself: it needs the genesis file and nobody's word. */
import { fromBase64, toBase64, utf8 } from './verify/bytes.ts'

export const EVIDENCE_HEAD = 'freehold.evidence/v1 two-faces'

/**
 * Two signed checkpoints of one log that cannot both be true. Of one size, they have two roots. Otherwise `path` leads, under
 * the newer one's root, to what that log's root was at the older one's size, which is another than was signed.
 */
export interface TwoFaces {
  /** Signed notes, verbatim, the smaller first. */
  readonly older: string
  readonly newer: string
  /** Hashes, from the first node on (merkle.ts, `consistencyRoots`); none when the sizes are equal. */
  readonly path: readonly Uint8Array[]
}

const maxPath = 64

export function formatTwoFaces({ older, newer, path }: TwoFaces): string {
  return `${[EVIDENCE_HEAD, ...[utf8(older), utf8(newer), ...path].map(toBase64)].join('\n')}\n`
}

/** Undefined unless it is what `formatTwoFaces` makes. Whether it proves anything is for `verify-file.ts`. */
export function parseTwoFaces(text: string): TwoFaces | undefined {
  const [head, ...lines] = text.slice(0, -1).split('\n', 4 + maxPath)
  const [older, newer, ...path] = lines.map(fromBase64)
  if (head !== EVIDENCE_HEAD || !older || !newer || path.length > maxPath) return undefined
  if (!path.every((hash): hash is Uint8Array => hash?.length === 32)) return undefined
  const faces = { older: Buffer.from(older).toString(), newer: Buffer.from(newer).toString(), path }
  return formatTwoFaces(faces) === text ? faces : undefined
}
