import { checkKey } from './linearizability.ts'
import type { History, Operation } from './operation.ts'
import { checkSessions, sessionReads } from './sessions.ts'

export interface HistoryReport {
  readonly operations: number
  readonly ok: number
  readonly fail: number
  readonly info: number
  readonly keys: number
  /** What is wrong, a sentence each. */
  readonly findings: readonly string[]
}

/**
 * Decides a history: each key on its own (linearizability is local: Herlihy and Wing 1990, theorem 1), and what each
 * session was promised.
 */
export function checkHistory({ operations, findings }: History): HistoryReport {
  const keys = Map.groupBy([...operations, ...sessionReads(operations)], ({ key }) => key)
  const countOf = (type: Operation['type']): number => operations.filter(it => it.type === type).length
  return {
    operations: operations.length,
    ok: countOf('ok'),
    fail: countOf('fail'),
    info: countOf('info'),
    keys: keys.size,
    findings: [
      ...findings,
      ...checkSessions(operations),
      ...[...keys.values()].flatMap(ofKey => findingOf(ofKey) ?? []),
    ],
  }
}

function findingOf(operations: readonly Operation[]): string | undefined {
  const verdict = checkKey(operations)
  if (verdict.linearizable) return undefined
  const { process, f, key, value, invokedNs, returnedNs } = verdict.at
  const what = `process ${process}'s ${f} of ${key}, asked at ${invokedNs} ns, answered at ${returnedNs} ns with ${value}`
  if (verdict.linearizable === undefined) return `not decided: too much was open at once before ${what}`
  return `not linearizable: no order explains ${what}; before it, ${key} could be ${verdict.possible.join(' or ')}`
}
