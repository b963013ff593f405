import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ReadAsked } from '../../consensus/groups/types.ts'
import type { ReadAnswer } from '../../daemon/authority/reading.ts'
import type { Replica } from '../../daemon/authority/replica.ts'
import { StateReads } from '../../daemon/hosting/state-reads.ts'
import {
  decodeReadAnswers,
  decodeReadRequest,
  encodeReadAnswers,
  encodeReadRequest,
} from '../../daemon/routing/read-codec.ts'
import { serveReads } from '../../daemon/routing/read-server.ts'
import { Askers } from './support/askers.ts'

const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const state = fc.record(
  {
    entity: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
    size: whole,
    tick: whole,
    byLease: fc.boolean(),
  },
  { noNullPrototype: true },
)
const answer: fc.Arbitrary<ReadAnswer> = fc.oneof(
  state.map(it => ({ kind: 'state' as const, state: it })),
  fc.integer({ min: 1, max: 1e6 }).map(retryAfterMs => ({ kind: 'busy' as const, retryAfterMs })),
  fc.constant({ kind: 'refused' as const, code: 'unknown-area' }),
  fc.constant({ kind: 'not-leader' as const, leader: 0 }),
)

describe("reads on their way between nodes' gateways and owners", () => {
  it('come out as they went in', () => {
    const targets = fc.array(fc.oneof(bytesOf(16), bytesOf(32)), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(whole, whole, targets, (group, batch, some) => {
        assert.deepEqual(decodeReadRequest(encodeReadRequest({ group, batch, targets: some })), {
          ...{ group, batch },
          targets: some,
        })
      }),
    )
    const answers = fc.array(fc.record({ index: fc.nat(), answer }, { noNullPrototype: true }), {
      maxLength: 20,
    })
    fc.assert(
      fc.property(whole, answers, (batch, some) => {
        assert.deepEqual(decodeReadAnswers(encodeReadAnswers({ batch, answers: some })), {
          batch,
          answers: some,
        })
      }),
    )
  })

  it('are refused, and never throw, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const request = decodeReadRequest(bytes)
        assert.ok(request === undefined || request.targets.length > 0)
        decodeReadAnswers(bytes)
      }),
    )
    assert.equal(decodeReadRequest(encodeReadRequest({ group: 1, batch: 1, targets: [] })), undefined)
    const short = encodeReadRequest({ group: 1, batch: 1, targets: [new Uint8Array(15)] })
    assert.equal(decodeReadRequest(short), undefined)
  })
})

describe('reads that other nodes ask for', () => {
  it('have a share for each of them, which comes back with the answers: one that asks for more is told to wait', async () => {
    const open: ((answer: ReadAnswer) => void)[] = []
    const askers = new Askers(decodeReadAnswers)
    serveReads({
      network: askers.network,
      schedule: run => queueMicrotask(run),
      isNode: () => true,
      mayAsk: () => true,
      local: () =>
        ({ read: (_target: Uint8Array, answer: (given: ReadAnswer) => void) => open.push(answer) }) as never,
      count: () => {},
    })
    const ask = (peer: string, count: number): void => {
      const targets = Array.from({ length: count }, () => new Uint8Array(16))
      askers.ask(peer, [encodeReadRequest({ group: 1, batch: 1, targets })])
    }
    ask('greedy', 1000)
    ask('greedy', 1000)
    ask('modest', 10)
    await Promise.resolve()
    assert.equal(open.length, 1034)
    assert.deepEqual(askers.told('greedy'), Array(976).fill('busy'))
    for (const answer of open.splice(0)) answer({ kind: 'not-leader', leader: 0 })
    ask('greedy', 1000)
    assert.equal(open.length, 1000)
    await Promise.resolve()
    assert.deepEqual(askers.told('modest'), Array(10).fill('not-leader'))
  })
})

describe('reads at a replica', () => {
  const replica = {
    rules: { tick: 7 },
    area: { entityBytes: () => new Uint8Array([1]), characterOf: () => undefined },
    log: { size: 40 },
  } as unknown as Replica
  const ID = new Uint8Array(16)
  const group = 1

  function reads(asked: ReadAsked = { ok: true }): { reads: StateReads; answers: ReadAnswer[] } {
    const answers: ReadAnswer[] = []
    return { reads: new StateReads(replica, () => asked), answers }
  }

  it('are answered when the state has applied what the group names, and not before', () => {
    const { reads: some, answers } = reads()
    for (let i = 0; i < 3; i++) some.read(ID, 0, given => answers.push(given))
    some.told({ group, context: 1, ok: true, index: 10, by: 'quorum' }, 9)
    some.told({ group, context: 2, ok: true, index: 9, by: 'lease' }, 9)
    const served = (byLease: boolean) => ({
      kind: 'state',
      state: { entity: new Uint8Array([1]), size: 40, tick: 7, byLease },
    })
    assert.deepEqual(answers, [served(true)])
    some.applied(10)
    assert.deepEqual(answers, [served(true), served(false)])
    some.applied(100)
    assert.equal(answers.length, 2, 'the group has said nothing of the third')
  })

  it('go to another member when the group loses them, or this replica stays behind, or halts', () => {
    const { reads: some, answers } = reads()
    const elsewhere = { kind: 'not-leader', leader: 0 }
    for (let i = 0; i < 3; i++) some.read(ID, 1000 * i, given => answers.push(given))
    some.told({ group, context: 2, ok: false, code: 'lost' }, 9)
    some.tick(1999)
    assert.deepEqual(answers, [elsewhere])
    some.tick(2000)
    assert.deepEqual(answers, [elsewhere, elsewhere])
    some.end()
    assert.deepEqual(answers, [elsewhere, elsewhere, elsewhere])
    some.told({ group, context: 3, ok: true, index: 1, by: 'quorum' }, 9)
    assert.equal(answers.length, 3)
  })

  it('are refused at once where the group takes none, and when too many wait', () => {
    const none = reads({ ok: false, code: 'no-leader' })
    none.reads.read(ID, 0, given => none.answers.push(given))
    const busy = reads({ ok: false, code: 'busy' })
    busy.reads.read(ID, 0, given => busy.answers.push(given))
    const full = reads()
    for (let i = 0; i < 4097; i++) full.reads.read(ID, 0, given => full.answers.push(given))
    full.reads.read(new Uint8Array(3), 0, given => full.answers.push(given))
    assert.deepEqual(
      [none, busy, full].map(({ answers }) => answers.map(({ kind }) => kind)),
      [['not-leader'], ['busy'], ['busy', 'refused']],
    )
  })
})
