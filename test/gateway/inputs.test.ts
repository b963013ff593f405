import assert from 'node:assert/strict'
import { decodeReceipts } from '../../client/protocol/receipts.ts'
import type { AuthorityRouter, InputSource } from '../../daemon/gateway/router.ts'
import { decodeOutcome } from '../../world/codec.ts'
import { MEMBER } from './support/authority.ts'
import { Harness, inputBody, testPlayer } from './support/harness.ts'

const STOP = { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 } as const
const ada = testPlayer('Ada')
const bob = testPlayer('Bob')

describe('the gateway core: inputs', () => {
  it('routes an input and answers with its receipt', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.take(1)
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    const [{ receipts }] = gateway.take(1) as [{ receipts: Uint8Array }]
    const { outcomes, signer } = decodeReceipts(receipts)!
    assert.deepEqual(
      outcomes.map(outcome => decodeOutcome(outcome)?.seq),
      [1],
    )
    assert.equal(signer, MEMBER)
  })

  it('takes several inputs in one message, and answers them in one', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.take(1)
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    gateway.take(1)
    const bodies = [2, 3, 4].map(seq => inputBody(ada, seq, STOP))
    gateway.say(1, { inputs: { bodies } })
    const sent = gateway.take(1)
    assert.equal(sent.length, 1)
    assert.deepEqual(
      decodeReceipts(sent[0]!.receipts!)!.outcomes.map(outcome => decodeOutcome(outcome)?.seq),
      [2, 3, 4],
    )
    assert.equal(gateway.core.stats.inFlight, 0)
  })

  it('refuses a message with no inputs, with too many, and with one of somebody else among them, as a whole', () => {
    const gateway = new Harness({ limits: { inputsInFlight: 3 } })
    gateway.join(1, ada)
    gateway.take(1)
    const bodies = [1, 2, 3, 4].map(seq => inputBody(ada, seq, STOP))
    for (const wrong of [[], bodies, [bodies[0]!, inputBody(bob, 1, STOP)], [bodies[0]!, new Uint8Array(9)]])
      gateway.say(1, { inputs: { bodies: wrong } })
    assert.deepEqual(gateway.takeProblems(1), ['malformed', 'oversized', 'other-session', 'malformed'])
    assert.equal(gateway.authority.arrivals, 0)
  })

  it('counts each input of a message by itself, by rate and by room', () => {
    const gateway = new Harness({ limits: { inputBurst: 4, inputsPerSecond: 1 } })
    gateway.join(1, ada)
    gateway.take(1)
    gateway.say(1, { inputs: { bodies: [1, 2, 3, 4, 5, 6].map(seq => inputBody(ada, seq, STOP)) } })
    const late = gateway.take(1).flatMap(({ answer }) => answer ?? [])
    assert.equal(gateway.authority.arrivals, 4)
    assert.deepEqual(
      late.filter(({ code }) => code === 'over-rate').map(({ seq }) => seq),
      [5, 6],
    )
    assert.equal(gateway.counts.get('gateway_refused_total over-rate'), 2)
  })

  it('passes on gap, busy, unavailable and refused as they are', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    const results = [
      { kind: 'gap', expectedSeq: 9 },
      { kind: 'busy', retryAfterMs: 7 },
      { kind: 'unavailable', retryAfterMs: 0 },
      { kind: 'refused', code: 'odd' },
    ] as const
    gateway.take(1)
    for (const result of results) {
      gateway.authority.mishap = () => ({ result })
      gateway.act(1, ada, 2, STOP)
    }
    const answers = gateway.take(1).map(({ answer }) => answer!)
    assert.deepEqual(
      answers.map(({ expectedSeq, retryAfterMs, code }) => [expectedSeq, retryAfterMs, code]),
      [
        [9, 0, ''],
        [0, 7, 'busy'],
        [0, 1, 'unavailable'],
        [0, 0, 'odd'],
      ],
    )
  })

  it('takes nothing before the session is open', () => {
    const gateway = new Harness()
    gateway.core.connected(1, '127.0.0.1')
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    gateway.say(1, { watch: { place: false, area: '', xMm: 0, yMm: 0, radiusMm: 1, limit: 1 } })
    assert.deepEqual(gateway.takeProblems(1), ['unauthenticated', 'unauthenticated'])
    assert.equal(gateway.authority.arrivals, 0)
  })

  it("refuses inputs in another player's name or of another session", () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.act(1, bob, 1, { kind: 'spawn', name: 'Bob' })
    gateway.act(1, testPlayer('Ada', 2), 1, { kind: 'spawn', name: 'Ada' })
    assert.deepEqual(gateway.takeProblems(1), ['other-session', 'other-session'])
    assert.equal(gateway.authority.arrivals, 0)
  })

  it('lets through the burst and then the rate, and says when to ask again', () => {
    const gateway = new Harness({ limits: { inputsPerSecond: 10, inputBurst: 5, maxOffences: 1_000 } })
    gateway.join(1, ada)
    gateway.take(1)
    for (let seq = 1; seq <= 20; seq++)
      gateway.act(1, ada, seq, seq === 1 ? { kind: 'spawn', name: 'Ada' } : STOP)
    assert.equal(gateway.authority.arrivals, 5)
    const held = gateway.take(1).flatMap(({ answer }) => (answer?.code === 'over-rate' ? [answer] : []))
    assert.equal(held.length, 15)
    assert.ok(held.every(({ retryAfterMs }) => retryAfterMs! > 0 && retryAfterMs! <= 100))
    gateway.pass(1_000)
    for (let seq = 6; seq <= 30; seq++) gateway.act(1, ada, seq, STOP)
    assert.equal(gateway.authority.arrivals, 10, 'no more than the bucket holds')
  })

  it('passes reads on, within limits of their own', () => {
    const waiting: (() => void)[] = []
    const real = new Harness().authority
    const router: AuthorityRouter = {
      areas: () => real.areas(),
      subscribe: () => () => {},
      submit: () => {},
      whenFinal: () => {},
      read: (area, target, answer) => void waiting.push(() => real.read(area, target, answer)),
    }
    const limits = { inputsInFlight: 3, inputsPerSecond: 1, inputBurst: 5 }
    const gateway = new Harness({ router, limits })
    gateway.join(1, ada)
    gateway.take(1)
    for (let number = 1; number <= 6; number++)
      gateway.say(1, { read: { number, target: new Uint8Array(16) } })
    const told = () => gateway.take(1).map(({ readAnswer }) => [readAnswer!.number, readAnswer!.code])
    assert.deepEqual(told(), [
      [4, 'busy'],
      [5, 'busy'],
      [6, 'over-rate'],
    ])
    assert.equal(gateway.core.stats.inFlight, 3)
    for (const answer of waiting) answer()
    assert.equal(gateway.core.stats.inFlight, 0)
    assert.deepEqual(told(), [
      [1, ''],
      [2, ''],
      [3, ''],
    ])
    for (const target of [new Uint8Array(15), new Uint8Array(0)])
      gateway.say(1, { read: { number: 1, target } })
    assert.deepEqual(gateway.takeProblems(1), ['malformed', 'malformed'])
  })

  it('passes on what is asked to be final, a few questions of a session at a time', () => {
    const waiting: (() => void)[] = []
    const real = new Harness().authority
    const busy = { kind: 'busy', retryAfterMs: 7 } as const
    const router: AuthorityRouter = {
      areas: () => real.areas(),
      subscribe: () => () => {},
      submit: () => {},
      read: () => {},
      whenFinal: (_area, { leaves, soon }, answer) => {
        assert.deepEqual([leaves, soon], [[3, 300], true])
        waiting.push(() => answer(busy))
      },
    }
    const limits = { finalsInFlight: 3, inputsPerSecond: 1, inputBurst: 5 }
    const gateway = new Harness({ router, limits })
    const ask = (number: number) =>
      gateway.say(1, { finalAsk: { number, leaves: [3, 300], soon: true, epoch: 1 } })
    gateway.core.connected(1, '127.0.0.1')
    ask(1)
    assert.deepEqual(gateway.takeProblems(1), ['unauthenticated'])
    gateway.core.closed(1)
    gateway.join(1, ada)
    gateway.take(1)
    for (let number = 1; number <= 6; number++) ask(number)
    const told = () => gateway.take(1).map(({ finalAnswer }) => [finalAnswer!.number, finalAnswer!.code])
    assert.deepEqual(told(), [
      [4, 'busy'],
      [5, 'busy'],
      [6, 'over-rate'],
    ])
    assert.equal(gateway.core.stats.inFlight, 3)
    for (const answer of waiting.splice(0)) answer()
    assert.equal(gateway.core.stats.inFlight, 0)
    assert.equal(told().length, 3)
    for (const leaves of [[], [5, 5], [7, 5], Array.from({ length: 129 }, (_, i) => i)])
      gateway.say(1, { finalAsk: { number: 1, leaves, soon: false, epoch: 1 } })
    assert.deepEqual(gateway.takeProblems(1), ['malformed', 'malformed', 'malformed', 'malformed'])
  })

  it('lets a session have the log sealed at once a few times a second; what it asks beyond that waits with the others', () => {
    const passedOn: boolean[] = []
    const real = new Harness().authority
    const router: AuthorityRouter = {
      areas: () => real.areas(),
      subscribe: () => () => {},
      submit: () => {},
      read: () => {},
      whenFinal: (_area, { soon }, answer) => {
        passedOn.push(soon)
        answer({ kind: 'busy', retryAfterMs: 7 })
      },
    }
    const gateway = new Harness({ router, limits: { sealsPerSecond: 2, sealBurst: 3 } })
    gateway.join(1, ada)
    gateway.take(1)
    const ask = (soon: boolean): void =>
      gateway.say(1, { finalAsk: { number: 1, leaves: [3], soon, epoch: 1 } })
    for (let i = 0; i < 5; i++) ask(true)
    assert.deepEqual(passedOn.splice(0), [true, true, true, false, false])
    gateway.nowMs += 1_000
    for (let i = 0; i < 5; i++) ask(false)
    for (let i = 0; i < 3; i++) ask(true)
    assert.deepEqual(passedOn.splice(5), [true, true, false])
    assert.deepEqual(gateway.takeProblems(1), [])
  })

  it('answers busy when too many wait for an answer', () => {
    const waiting: (() => void)[] = []
    const real = new Harness().authority
    const router = {
      areas: () => real.areas(),
      subscribe: () => () => {},
      read: () => {},
      whenFinal: () => {},
      submit: (_area: string, bodies: readonly Uint8Array[], source: InputSource) =>
        void waiting.push(() => source.answered(bodies, { kind: 'busy', retryAfterMs: 1 })),
    }
    const gateway = new Harness({ router, limits: { inputsInFlight: 3 } })
    gateway.join(1, ada)
    gateway.take(1)
    for (let seq = 1; seq <= 4; seq++) gateway.act(1, ada, seq, STOP)
    assert.deepEqual(
      gateway.take(1).map(({ answer }) => [answer!.seq, answer!.code]),
      [[4, 'busy']],
    )
    assert.equal(gateway.core.stats.inFlight, 3)
    for (const answer of waiting) answer()
    assert.equal(gateway.core.stats.inFlight, 0)
    assert.equal(gateway.take(1).length, 3)
  })

  it('drops answers to those who left', () => {
    let late = () => {}
    const areas = new Harness().authority.areas()
    const router = {
      areas: () => areas,
      subscribe: () => () => {},
      read: () => {},
      whenFinal: () => {},
      submit: (_area: string, bodies: readonly Uint8Array[], source: InputSource) => {
        late = () => source.answered(bodies, { kind: 'busy', retryAfterMs: 1 })
      },
    }
    const gateway = new Harness({ router })
    gateway.join(1, ada)
    gateway.act(1, ada, 1, STOP)
    gateway.core.closed(1)
    gateway.take(1)
    late()
    assert.deepEqual(gateway.take(1), [])
  })
})
