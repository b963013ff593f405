/** Proof that somebody lied, in a file that proves itself: it needs the genesis file and nobody's word. */
import { fromBase64, toBase64, utf8 } from './verify/bytes.ts'

export const EVIDENCE_HEAD = 'freehold.evidence/v1 split-view'

/** Two signed checkpoints of one log and one size, with two roots: nobody who signed both, or either, told everybody the same. */
export interface SplitView {
  /** Signed notes, verbatim. */
  readonly first: string
  readonly second: string
}

export function formatSplitView({ first, second }: SplitView): string {
  return `${[EVIDENCE_HEAD, toBase64(utf8(first)), toBase64(utf8(second))].join('\n')}\n`
}

/** Undefined unless it is what `formatSplitView` makes. */
export function parseSplitView(text: string): SplitView | undefined {
  const [head, ...lines] = text.split('\n')
  const [first, second] = lines.slice(0, 2).map(line => noteOf(line))
  if (head !== EVIDENCE_HEAD || first === undefined || second === undefined) return undefined
  return formatSplitView({ first, second }) === text ? { first, second } : undefined
}

function noteOf(line: string): string | undefined {
  const bytes = fromBase64(line)
  return bytes && Buffer.from(bytes).toString()
}
