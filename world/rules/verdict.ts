import type { OutcomeCode } from '../reasons.ts'

/** What a rule says about one action; with seq, leaf and tick it becomes an `Outcome`. */
export interface Verdict {
  readonly code: OutcomeCode
  readonly entity: string | undefined
  readonly value: number | undefined
}

export const verdict = (code: OutcomeCode, value?: number, entity?: string): Verdict => ({
  code,
  entity,
  value,
})
export const DONE: Verdict = verdict('ok')
