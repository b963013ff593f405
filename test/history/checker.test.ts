import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { HistoryEvent } from '../../testnet/history/event.ts'
import { bentHistories, realHistories } from './arbitrary.ts'
import { checkHistory } from './check.ts'
import { checkKey } from './linearizability.ts'
import { type Operation, pairOperations, parseHistory } from './operation.ts'
import { isLinearizable } from './reference.ts'

/** `[process, f, value, invoked, answered]` on one key; an answer that never came is left out. */
type Short = readonly [number, Operation['f'], number | null, number, number?]

function operationsOf(...short: Short[]): Operation[] {
  return short.map(([process, f, value, invokedNs, returnedNs]) => ({
    ...{ process, f, key: 'w/course', value, invokedNs, type: returnedNs === undefined ? 'info' : 'ok' },
    returnedNs: returnedNs ?? Number.POSITIVE_INFINITY,
    ...{ session: undefined, seq: undefined, log: undefined, leaf: undefined, size: undefined },
  }))
}

const verdict = (...short: Short[]) => checkKey(operationsOf(...short)).linearizable

describe('the checker of one key', () => {
  it('accepts every history of a real cell, with answers lost before and after the effect', () => {
    fc.assert(
      fc.property(realHistories(60, 5), history => {
        assert.equal(checkKey(history).linearizable, true)
      }),
      { numRuns: 300 },
    )
  })

  it('says of small histories, true and bent, just what the definition says', () => {
    const seen = { true: 0, false: 0 }
    fc.assert(
      fc.property(fc.oneof(realHistories(6), bentHistories(6)), history => {
        const expected = isLinearizable(history)
        seen[`${expected}`]++
        assert.equal(checkKey(history).linearizable, expected)
      }),
      { numRuns: 3_000 },
    )
    assert.ok(seen.true > 300 && seen.false > 300, JSON.stringify(seen))
  })

  it('allows a read during a write either value, and after it the new one alone', () => {
    const write: Short = [0, 'write', 7, 10, 20]
    assert.equal(verdict(write, [1, 'read', 0, 12, 14]), true)
    assert.equal(verdict(write, [1, 'read', 7, 12, 14]), true)
    assert.equal(
      verdict(write, [1, 'read', 7, 12, 14], [2, 'read', 0, 15, 16]),
      false,
      'never back to the old one',
    )
    assert.equal(verdict(write, [1, 'read', 0, 21, 22]), false, 'a stale read')
  })

  it('lets a write without an answer happen late or never, but not undo itself', () => {
    const lost: Short = [0, 'write', 7, 10]
    assert.equal(verdict(lost, [1, 'read', 0, 50, 60], [1, 'read', 7, 70, 80]), true)
    assert.equal(verdict(lost, [1, 'read', 0, 50, 60]), true)
    assert.equal(verdict(lost, [1, 'read', 7, 50, 60], [1, 'read', 0, 70, 80]), false)
    assert.equal(verdict(lost, [1, 'read', 7, 5, 9]), false, 'not before it was asked for')
  })

  it('finds a lost write and a doubled add', () => {
    assert.equal(verdict([0, 'write', 7, 1, 2], [0, 'write', 8, 3, 4], [1, 'read', 7, 5, 6]), false)
    assert.equal(verdict([0, 'add', 1, 1, 2], [0, 'add', 3, 3, 4]), false, 'one add counted twice')
    assert.equal(verdict([0, 'add', 1, 1, 2], [0, 'add', 1, 3, 4]), false, 'one add lost')
    assert.equal(verdict([0, 'add', 1, 1, 2], [0, 'add', null, 3], [1, 'add', 3, 5, 6]), true)
    assert.equal(
      verdict([0, 'add', 1, 1, 2], [0, 'add', null, 3], [1, 'add', 4, 5, 6]),
      false,
      'applied twice',
    )
  })

  it('decides histories with hundreds of lost answers', () => {
    const lost = Array.from({ length: 300 }, (_, i): Short => [i + 1, 'add', null, i])
    assert.equal(verdict(...lost, [0, 'add', 301, 1_000, 1_001]), true)
    assert.equal(verdict(...lost, [0, 'add', 302, 1_000, 1_001]), false)
  })

  it('says which answer no order explains, and what it could have been', () => {
    const operations = operationsOf([0, 'write', 7, 1, 2], [0, 'write', 8, 3, 4], [1, 'read', 7, 5, 6])
    const found = checkKey(operations)
    assert.ok(found.linearizable === false)
    assert.equal(found.at, operations[2])
    assert.deepEqual(found.possible, [8])
  })
})

describe('the checker of a history', () => {
  const line = (text: string, facts: Partial<HistoryEvent> = {}): HistoryEvent => {
    const [time, process, type, f, key, value] = text.split(' ') as [string, string, ...string[]]
    const said = /^-?\d+$/.test(value!) ? Number(value) : value === '-' ? null : value
    const event = { process: Number(process), type, f, key, value: said, timeNs: Number(time) }
    return { ...event, session: '', seq: 0, ...facts } as HistoryEvent
  }
  const at = (session: string, seq: number, leaf?: number) => ({
    ...{ session, seq },
    ...(leaf === undefined ? {} : { log: 'log', leaf }),
  })
  /** Two clients that take one player from each other. */
  const good = [
    line('1 0 invoke write p/session s1', at('s1', 1)),
    line('2 0 ok write p/session s1', at('s1', 1, 10)),
    line('3 0 invoke write p/course 5', at('s1', 2)),
    line('4 0 ok write p/course 5', at('s1', 2, 11)),
    line('5 1 invoke write p/session s2', at('s2', 1)),
    line('6 0 invoke read p/course -', at('s1', 3)),
    line('7 0 ok read p/course 5', at('s1', 3, 12)),
    line('8 1 ok write p/session s2', at('s2', 1, 13)),
    line('9 1 invoke add p/wood -', at('s2', 2)),
    line('10 1 ok add p/wood 1', at('s2', 2, 14)),
    line('11 0 invoke write p/course 6', at('s1', 4)),
    line('12 0 info write p/course 6', at('s1', 4)),
  ]
  const findings = (events: readonly HistoryEvent[]) => checkHistory(pairOperations(events)).findings
  const changed = (i: number, facts: Partial<HistoryEvent>) => good.with(i, { ...good[i]!, ...facts })

  it('finds nothing in a good one, read from its lines too', () => {
    const text = good.map(event => `${JSON.stringify(event)}\n`).join('')
    const report = checkHistory(parseHistory(text))
    assert.deepEqual(report, { operations: 6, ok: 5, fail: 0, info: 1, keys: 3, findings: [] })
  })

  it('finds what a closed session did after another one took its player', () => {
    const late = [
      line('13 2 invoke read p/wood -', at('s1', 5)),
      line('14 2 ok read p/wood 1', at('s1', 5, 15)),
    ]
    assert.match(
      findings([...good, ...late])[0]!,
      /not linearizable.*read of p\/session.*with s1.*could be s2/,
    )
  })

  it('finds a seq that two leaves answer, a leaf that answers two, and leaves that fall', () => {
    const again = [
      line('13 1 invoke add p/wood -', at('s2', 2)),
      line('14 1 ok add p/wood 2', at('s2', 2, 15)),
    ]
    assert.match(findings([...good, ...again])[0]!, /seq 2 was answered twice/)
    assert.match(findings(changed(9, { leaf: 13 }))[0]!, /leaf 13 of log answers .*seq 1 and .*seq 2/)
    assert.match(findings(changed(9, { leaf: 9 })).join('\n'), /seq 2 stands at leaf 9, and seq 1 at 13/)
  })

  it('finds a log whose order is not the order in which clients saw things happen', () => {
    const other = [
      line('13 3 invoke write q/course 1', at('s9', 2)),
      line('14 3 ok write q/course 1', at('s9', 2, 8)),
    ]
    assert.match(findings([...good, ...other])[0]!, /leaf 8, and was asked for after .*leaf 14/)
  })

  it('finds lines that are no history', () => {
    assert.match(findings([...good, good[9]!]).join('\n'), /line 13: an answer that process 1 didn't ask for/)
    assert.match(findings([good[0]!, good[2]!])[0]!, /line 2: process 0 asks again before it has its answer/)
    const retired = line('13 0 invoke read p/course -', at('s1', 5))
    assert.match(findings([...good, retired])[0]!, /line 13: process 0 asks again/)
    assert.match(findings(good.toReversed())[0]!, /didn't ask for|clock went back/)
    assert.match(checkHistory(parseHistory('{"process":')).findings[0]!, /line 1: not JSON/)
  })
})
