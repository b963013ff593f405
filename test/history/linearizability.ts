import { apply, initialValue } from './cell.ts'
import type { Operation, Value } from './operation.ts'

export type Verdict =
  | { readonly linearizable: true }
  /** `at`: the first answer that no order explains, given all that came before; `possible`: the values it could meet. */
  | { readonly linearizable: false; readonly at: Operation; readonly possible: readonly Value[] }
  /** Too much is open at once: not decided. */
  | { readonly linearizable: undefined; readonly at: Operation }

/** One way in which everything answered so far can have happened. */
interface Configuration {
  readonly value: Value
  /** Operations that have happened and are not answered yet. */
  readonly happened: ReadonlySet<Operation>
  /** How many of each kind of never answered operations have happened. */
  readonly used: ReadonlyMap<string, number>
}

const maxConfigurations = 200_000

/**
 * Whether the operations on one key are linearizable. Just-in-time linearization after Lowe, "Testing for
 * linearizability" (2017), section 5: goes through invocations and answers in the order of time and keeps every
 * configuration that explains the answers so far; an operation is only made to happen when an answer needs it. Equal
 * configurations are kept once, and of operations without an answer only how many of each kind have happened, since
 * nothing tells them apart from the second invocation on.
 */
export function checkKey(operations: readonly Operation[]): Verdict {
  const initial = initialValue(operations[0]?.key ?? '')
  let configurations: readonly Configuration[] = [{ value: initial, happened: new Set(), used: new Map() }]
  const pending = new Set<Operation>()
  const unanswered = new Map<string, { example: Operation; count: number }>()
  for (const { operation, answered } of momentsOf(relevant(operations))) {
    if (!answered) {
      if (operation.type === 'ok') pending.add(operation)
      else count(unanswered, operation)
      continue
    }
    const next = explain(operation, configurations, pending, unanswered)
    if (next === undefined) return { linearizable: undefined, at: operation }
    if (next.length === 0) {
      const possible = [...new Set(configurations.map(({ value }) => value))]
      return { linearizable: false, at: operation, possible }
    }
    configurations = next
    pending.delete(operation)
  }
  return { linearizable: true }
}

/**
 * Leaves out what decides nothing: what didn't happen, reads without an answer, and writes without an answer whose value
 * nobody read (an order with such a write is one without it too).
 */
function relevant(operations: readonly Operation[]): Operation[] {
  const answers = operations.filter(({ type }) => type === 'ok')
  const seen = new Set(answers.filter(({ f }) => f !== 'write').map(({ value }) => value))
  const adds = operations.some(({ f }) => f === 'add')
  const matters = ({ f, value }: Operation): boolean =>
    f === 'add' || (f === 'write' && (adds || seen.has(value)))
  return [...answers, ...operations.filter(operation => operation.type === 'info' && matters(operation))]
}

/** Invocations and answers in the order of time; of those at one time the invocations come first. */
function momentsOf(operations: readonly Operation[]): { operation: Operation; answered: boolean }[] {
  const moments = operations.flatMap(operation => [
    { operation, answered: false, ns: operation.invokedNs },
    ...(operation.type === 'ok' ? [{ operation, answered: true, ns: operation.returnedNs }] : []),
  ])
  return moments.sort((a, b) => a.ns - b.ns || Number(a.answered) - Number(b.answered))
}

function count(unanswered: Map<string, { example: Operation; count: number }>, operation: Operation): void {
  const kind = `${operation.f} ${JSON.stringify(operation.value)}`
  const known = unanswered.get(kind)
  if (known === undefined) unanswered.set(kind, { example: operation, count: 1 })
  else known.count++
}

/** All configurations in which `target` has happened, or undefined when there are too many to look at. */
function explain(
  target: Operation,
  configurations: readonly Configuration[],
  pending: ReadonlySet<Operation>,
  unanswered: ReadonlyMap<string, { readonly example: Operation; readonly count: number }>,
): Configuration[] | undefined {
  const names = new Map([...pending].map((operation, i) => [operation, i]))
  const seen = new Set<string>()
  const found = new Map<string, Configuration>()
  const stack = [...configurations]
  while (stack.length > 0) {
    const configuration = withReads(stack.pop()!, pending)
    const name = nameOf(configuration, names)
    if (seen.has(name)) continue
    seen.add(name)
    if (seen.size > maxConfigurations) return undefined
    const { value, happened, used } = configuration
    if (happened.has(target)) {
      const rest = new Set(happened)
      rest.delete(target)
      found.set(name, { value, happened: rest, used })
      continue
    }
    for (const operation of pending) {
      if (operation.f === 'read' || happened.has(operation)) continue
      const next = apply(value, operation)
      if (next !== undefined) stack.push({ value: next, happened: new Set(happened).add(operation), used })
    }
    for (const [kind, { example, count }] of unanswered) {
      const times = used.get(kind) ?? 0
      if (times === count) continue
      const next = apply(value, { ...example, value: example.f === 'write' ? example.value : null })
      if (next !== undefined) stack.push({ value: next, happened, used: new Map(used).set(kind, times + 1) })
    }
  }
  return [...found.values()]
}

/**
 * With every open read that tells the present value: it changes nothing, so it may as well happen now, and nothing is lost
 * by it. Else each subset of the reads that are open at once would be a configuration.
 */
function withReads(configuration: Configuration, pending: ReadonlySet<Operation>): Configuration {
  const { value, happened } = configuration
  const reads = [...pending].filter(it => it.f === 'read' && it.value === value && !happened.has(it))
  return reads.length === 0 ? configuration : { ...configuration, happened: new Set([...happened, ...reads]) }
}

function nameOf({ value, happened, used }: Configuration, names: ReadonlyMap<Operation, number>): string {
  const numbers = [...happened].map(operation => names.get(operation)!).sort((a, b) => a - b)
  const kinds = [...used].map(([kind, times]) => `${kind}=${times}`).sort()
  return JSON.stringify([value, numbers, kinds])
}
