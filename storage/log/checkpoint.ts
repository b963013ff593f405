/** C2SP tlog-checkpoint: the note text that names a log's origin, size and root. */
import { decodeBase64, encodeBase64 } from './base64.ts'
import { parseDecimal } from './decimal.ts'

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  /** 32 bytes. */
  readonly root: Uint8Array
  /** Further lines, each not empty. */
  readonly extensions: readonly string[]
}

export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions } = checkpoint
  const lines = [origin, String(size), encodeBase64(root), ...extensions]
  if (root.length !== 32 || !Number.isSafeInteger(size) || size < 0) {
    throw new RangeError('A checkpoint has a size and a root of 32 bytes.')
  }
  if (lines.some(line => line === '' || line.includes('\n'))) {
    throw new RangeError('The lines of a checkpoint are not empty and have no newline in them.')
  }
  return `${lines.join('\n')}\n`
}

/** Undefined unless the text is exactly what `formatCheckpoint` makes. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith('\n') || text.startsWith('\n') || text.includes('\n\n')) return undefined
  const lines = text.slice(0, -1).split('\n')
  const [origin, sizeText, rootText, ...extensions] = lines
  if (rootText === undefined) return undefined
  const size = parseDecimal(sizeText!)
  const root = decodeBase64(rootText)
  if (size === undefined || root?.length !== 32) return undefined
  return { origin: origin!, size, root, extensions }
}
