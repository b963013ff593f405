import fc from 'fast-check'
import { apply, initialValue } from './cell.ts'
import type { Operation, Value } from './operation.ts'

/** When an operation is asked for, takes effect and is answered, and what it is. */
interface Plan {
  readonly process: number
  readonly f: Operation['f']
  readonly argument: number
  readonly gapNs: number
  readonly effectNs: number
  readonly answerNs: number
  readonly fate: 'answered' | 'lost-after' | 'lost-before'
}

const plan = (processes: number): fc.Arbitrary<Plan> =>
  fc.record({
    process: fc.nat(processes - 1),
    f: fc.constantFrom<Operation['f'][]>('read', 'write', 'add'),
    argument: fc.nat(3),
    gapNs: fc.nat(3),
    effectNs: fc.nat(6),
    answerNs: fc.nat(6),
    fate: fc.constantFrom('answered', 'answered', 'answered', 'answered', 'lost-after', 'lost-before'),
  })

/**
 * Histories of one real cell: every operation takes effect at one moment between its invocation and its answer, or, when
 * its answer is lost, at some moment after the invocation or never. Each process asks for one thing at a time.
 */
export function realHistories(maxOperations: number, processes = 3): fc.Arbitrary<Operation[]> {
  return fc.array(plan(processes), { minLength: 1, maxLength: maxOperations }).map(carryOut)
}

function carryOut(plans: readonly Plan[]): Operation[] {
  const freeNs = new Map<number, number>()
  const timed = plans.map(({ process, gapNs, effectNs, answerNs, ...rest }, i) => {
    const invokedNs = (freeNs.get(process) ?? 0) + gapNs
    const atNs = invokedNs + effectNs
    const returnedNs = atNs + answerNs
    freeNs.set(process, returnedNs + 1)
    return { process, i, invokedNs, atNs, returnedNs, ...rest }
  })
  let value: Value = initialValue('w/wood')
  const operations: Operation[] = []
  for (const { process, f, argument, fate, ...at } of timed.toSorted(
    (a, b) => a.atNs - b.atNs || a.i - b.i,
  )) {
    const told = f === 'read' ? value : f === 'write' ? argument : Number(value) + 1
    if (fate !== 'lost-before') value = apply(value, { f, value: told })!
    const lost = fate !== 'answered'
    operations.push({
      ...{ process, f, key: 'w/wood', type: lost ? 'info' : 'ok' },
      value: lost && f !== 'write' ? null : told,
      invokedNs: at.invokedNs,
      returnedNs: lost ? Number.POSITIVE_INFINITY : at.returnedNs,
      ...{ session: undefined, seq: undefined, log: undefined, leaf: undefined, size: undefined },
    })
  }
  return operations.sort((a, b) => a.invokedNs - b.invokedNs)
}

/** The same history with some of its answers bent: they may be wrong now, or right by chance. */
export const bentHistories = (maxOperations: number): fc.Arbitrary<Operation[]> =>
  fc
    .tuple(
      realHistories(maxOperations),
      fc.array(fc.record({ at: fc.nat(), value: fc.nat(5) }), { minLength: 1, maxLength: 3 }),
    )
    .map(([history, bends]) => {
      const bent = [...history]
      for (const { at, value } of bends) {
        const i = at % bent.length
        if (bent[i]!.type === 'ok') bent[i] = { ...bent[i]!, value }
      }
      return bent
    })
