import type { Observable } from './observable.ts'

/** One line of the list of what one asked for and what became of it. */
export interface ActionLine {
  readonly key: number
  readonly words: string
  readonly outcome: 'waiting' | 'committed' | 'refused' | 'failed'
  /** The reason, or what came of it. */
  readonly detail: string
  readonly latencyMs: number | undefined
  /** The receipt's signature and path were checked here, in this page. */
  readonly verified: boolean
  /** Whether the members have decided a log with it, proven to this page; `fell off`: they have decided one without it. */
  readonly standing: 'committed' | 'final' | 'fell off'
  /** The text of the receipt, or of the proof. */
  readonly save: ((isFinal: boolean) => Promise<string>) | undefined
}

const KEPT_LINES = 40

export function addLine(lines: Observable<readonly ActionLine[]>, line: ActionLine): void {
  lines.set([line, ...lines.get()].slice(0, KEPT_LINES))
}

export function changeLine(
  lines: Observable<readonly ActionLine[]>,
  key: number,
  change: Partial<ActionLine>,
): void {
  lines.set(lines.get().map(line => (line.key === key ? { ...line, ...change } : line)))
}
