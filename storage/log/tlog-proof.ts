/** C2SP tlog-proof: a checkpoint, the index of a leaf in it, and the leaf's inclusion proof, as one text. */
import { decodeBase64, encodeBase64 } from './base64.ts'
import { parseDecimal } from './decimal.ts'

const firstLine = 'c2sp.org/tlog-proof@v1'
/** A log of 2^53 leaves has paths of 53 hashes. */
const maxProofHashes = 64

export interface TlogProof {
  /** Whatever the application likes to send along. Nothing authenticates it. */
  readonly extra: Uint8Array | undefined
  readonly index: number
  readonly proof: readonly Uint8Array[]
  /** The signed note, verbatim. */
  readonly checkpoint: string
}

export function formatTlogProof({ extra, index, proof, checkpoint }: TlogProof): string {
  const lines = [firstLine]
  if (extra) lines.push(`extra ${encodeBase64(extra)}`)
  lines.push(`index ${index}`, ...proof.map(encodeBase64))
  return `${lines.join('\n')}\n\n${checkpoint}`
}

/** Undefined unless the text is exactly what `formatTlogProof` makes. The checkpoint in it isn't looked at. */
export function parseTlogProof(text: string): TlogProof | undefined {
  const split = text.indexOf('\n\n')
  if (split < 0) return undefined
  const lines = text.slice(0, split).split('\n')
  const checkpoint = text.slice(split + 2)
  if (lines.shift() !== firstLine || checkpoint === '') return undefined
  let extra: Uint8Array | undefined
  if (lines[0]?.startsWith('extra ')) {
    extra = decodeBase64(lines.shift()!.slice('extra '.length))
    if (!extra) return undefined
  }
  const indexLine = lines.shift()
  if (!indexLine?.startsWith('index ') || lines.length > maxProofHashes) return undefined
  const index = parseDecimal(indexLine.slice('index '.length))
  if (index === undefined) return undefined
  const proof: Uint8Array[] = []
  for (const line of lines) {
    const hash = decodeBase64(line)
    if (hash?.length !== 32) return undefined
    proof.push(hash)
  }
  return { extra, index, proof, checkpoint }
}
