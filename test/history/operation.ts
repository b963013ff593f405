import type { HistoryEvent } from '../../testnet/history/event.ts'

export type Value = number | string | null

/** An invocation with what came of it. */
export interface Operation {
  readonly process: number
  readonly f: HistoryEvent['f']
  readonly key: string
  /** What a write sets; what a read or an add told, once that is known. */
  readonly value: Value
  readonly type: 'ok' | 'fail' | 'info'
  readonly invokedNs: number
  /** Infinite for `info`: it may happen at any time after the invocation, or never. */
  readonly returnedNs: number
  readonly session: string | undefined
  readonly seq: number | undefined
  readonly log: string | undefined
  readonly leaf: number | undefined
  /** Of the log, as a pure read has shown it. */
  readonly size: number | undefined
}

export interface History {
  readonly operations: readonly Operation[]
  /** What is wrong with the history itself, a sentence each. */
  readonly findings: readonly string[]
}

const types = new Set(['invoke', 'ok', 'fail', 'info'])
const functions = new Set(['read', 'write', 'add'])

/** Pairs the lines of a history. What nobody told the end of is `info`. */
export function pairOperations(events: readonly HistoryEvent[]): History {
  const open = new Map<number, HistoryEvent>()
  const retired = new Set<number>()
  const operations: Operation[] = []
  const findings: string[] = []
  let lastNs = 0
  for (const [i, event] of events.entries()) {
    const line = `line ${i + 1}`
    const fault = faultOf(event)
    if (fault !== undefined) {
      findings.push(`${line}: ${fault}`)
      continue
    }
    if (event.timeNs < lastNs) findings.push(`${line}: the clock went back`)
    lastNs = event.timeNs
    const begun = open.get(event.process)
    if (event.type === 'invoke') {
      if (begun !== undefined || retired.has(event.process))
        findings.push(`${line}: process ${event.process} asks again before it has its answer`)
      open.set(event.process, event)
    } else if (begun === undefined || begun.f !== event.f || begun.key !== event.key) {
      findings.push(`${line}: an answer that process ${event.process} didn't ask for`)
    } else {
      open.delete(event.process)
      if (event.type === 'info') retired.add(event.process)
      operations.push(operationOf(begun, event))
    }
  }
  for (const begun of open.values()) operations.push(operationOf(begun, { ...begun, type: 'info' }))
  return { operations: operations.sort((a, b) => a.invokedNs - b.invokedNs), findings }
}

export function parseHistory(text: string): History {
  const findings: string[] = []
  const events = text.split('\n').flatMap((line, i): HistoryEvent[] => {
    if (line === '') return []
    try {
      return [JSON.parse(line) as HistoryEvent]
    } catch {
      findings.push(`line ${i + 1}: not JSON`)
      return []
    }
  })
  const paired = pairOperations(events)
  return { operations: paired.operations, findings: [...findings, ...paired.findings] }
}

function operationOf(begun: HistoryEvent, ended: HistoryEvent): Operation {
  const { process, f, key, session, seq } = begun
  const type = ended.type as Operation['type']
  const returnedNs = type === 'info' ? Number.POSITIVE_INFINITY : ended.timeNs
  const value = type === 'ok' ? ended.value : begun.value
  const { log, leaf, size } = ended
  const when = { invokedNs: begun.timeNs, returnedNs }
  return { process, f, key, value, type, ...when, session, seq, log, leaf, size }
}

function faultOf(event: HistoryEvent): string | undefined {
  if (!Number.isSafeInteger(event.process) || !Number.isSafeInteger(event.timeNs)) return 'no process or time'
  if (!types.has(event.type)) return `no such type: ${event.type}`
  if (!functions.has(event.f)) return `no such function: ${event.f}`
  return typeof event.key === 'string' ? undefined : 'no key'
}
