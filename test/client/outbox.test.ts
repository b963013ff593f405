import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Histogram } from '../../client/index.ts'
import { challengeMessage, grantMessage, seqOfBody, sessionIdOf } from '../../client/protocol/session.ts'
import { Outbox } from '../../client/sdk/outbox.ts'
import type { Action } from '../../world/codec.ts'
import { sha256 } from '../gateway/support/authority.ts'
import { inputBody, testPlayer } from '../gateway/support/harness.ts'

const ACTION: Action = { kind: 'leave' }
const PACE = { perSecond: 1_000, burst: 100, inFlight: 8 }

/** Applies inputs as an owner does: strictly in order, each once. */
class Owner {
  readonly applied: number[] = []

  take(seq: number): { gap: number } | 'done' {
    if (seq > this.applied.length + 1) return { gap: this.applied.length + 1 }
    if (seq === this.applied.length + 1) this.applied.push(seq)
    return 'done'
  }
}

describe('the outbox', () => {
  it('asks again, in order, for what was answered and then fell off with a change of views', () => {
    const outbox = new Outbox(1)
    outbox.linked(PACE, 0)
    for (let seq = 1; seq <= 5; seq++) outbox.add(ACTION, 0).body = Uint8Array.of(seq)
    outbox.due(0)
    for (const seq of [1, 2, 3]) outbox.settle(seq)
    assert.equal(outbox.gap(4, 2, 10), 'retry')
    assert.deepEqual(
      outbox.due(1_000).map(({ seq, body, fellOff }) => [seq, body![0], fellOff]),
      [
        [2, 2, true],
        [3, 3, true],
        [4, 4, false],
      ],
    )
    for (const seq of [2, 3, 4, 5]) outbox.settle(seq)
    assert.equal(outbox.size, 0)
  })

  it('gets every action applied once and in order, whatever is lost, late, refused for now or cut off', () => {
    const fate = fc.constantFrom(
      'done',
      'done',
      'done',
      'lost-before',
      'lost-after',
      'busy',
      'cut',
      'reordered',
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.infiniteStream(fate), (count, fates) => {
        const outbox = new Outbox(1)
        const owner = new Owner()
        const answered = new Set<number>()
        let nowMs = 0
        outbox.linked(PACE, nowMs)
        for (let i = 0; i < count; i++) outbox.add(ACTION, nowMs).body = new Uint8Array(1)
        let step = 0
        for (; outbox.size > 0 && step < 3_000; step++) {
          nowMs += 40
          const fresh = step > 300 ? 'done' : undefined
          const due = outbox.due(nowMs)
          const turns = due.map(item => ({ item, fate: fresh ?? fates.next().value! }))
          if (turns.some(turn => turn.fate === 'reordered')) turns.reverse()
          for (const turn of turns) {
            const { seq } = turn.item
            if (turn.fate === 'lost-before') continue
            if (turn.fate === 'busy') {
              outbox.postpone(seq, 30, nowMs)
              continue
            }
            if (turn.fate === 'cut') {
              outbox.linked(PACE, nowMs)
              break
            }
            const result = owner.take(seq)
            if (turn.fate === 'lost-after') continue
            if (result !== 'done') {
              assert.equal(outbox.gap(seq, result.gap, nowMs), 'retry')
              continue
            }
            assert.ok(!answered.has(seq))
            answered.add(seq)
            outbox.remove(seq)
          }
        }
        assert.equal(outbox.size, 0, 'all is answered in the end')
        assert.deepEqual(
          owner.applied,
          Array.from({ length: count }, (_, i) => i + 1),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('keeps to the pace that the gateway named', () => {
    const outbox = new Outbox(1)
    outbox.linked({ perSecond: 10, burst: 12, inFlight: 1_000 }, 0)
    for (let i = 0; i < 100; i++) outbox.add(ACTION, 0).body = new Uint8Array(1)
    let sent = outbox.due(0).length
    assert.ok(sent <= 12)
    for (let nowMs = 10; nowMs <= 5_000; nowMs += 10) sent += outbox.due(nowMs).length
    assert.ok(sent > 50 && sent <= 62, `${sent} in five seconds`)
  })

  it('has no more in flight than it may, and says when to look again', () => {
    const outbox = new Outbox(1)
    outbox.linked({ ...PACE, inFlight: 3 }, 0)
    for (let i = 0; i < 5; i++) outbox.add(ACTION, 0).body = new Uint8Array(1)
    assert.equal(outbox.due(0).length, 3)
    assert.equal(outbox.waitMs(0), undefined, 'only an answer helps')
    outbox.postpone(1, 70, 0)
    assert.equal(outbox.waitMs(0), 70)
    assert.equal(outbox.due(10).length, 0, 'those after it wait too')
    assert.deepEqual(
      outbox.due(70).map(({ seq }) => seq),
      [1],
    )
    outbox.remove(1)
    assert.deepEqual(
      outbox.due(70).map(({ seq }) => seq),
      [4],
    )
  })

  it('goes no farther beyond the oldest one without an answer than outcomes are kept, whatever is answered in between', () => {
    const outbox = new Outbox(1)
    outbox.linked(PACE, 0)
    for (let seq = 1; seq <= 20; seq++) outbox.add(ACTION, 0).body = Uint8Array.of(seq)
    for (const { seq } of outbox.due(0)) if (seq > 1) outbox.settle(seq)
    assert.deepEqual(outbox.due(1), [])
    assert.equal(outbox.waitMs(1), undefined, 'only an answer helps')
    outbox.settle(1)
    assert.deepEqual(
      outbox.due(2).map(({ seq }) => seq),
      [9, 10, 11, 12, 13, 14, 15, 16],
    )
  })

  it('holds back what comes after an action that is still being signed', () => {
    const outbox = new Outbox(1)
    outbox.linked(PACE, 0)
    const slow = outbox.add(ACTION, 0)
    outbox.add(ACTION, 0).body = new Uint8Array(1)
    assert.equal(outbox.due(0).length, 0)
    slow.body = new Uint8Array(1)
    assert.equal(outbox.due(0).length, 2)
  })

  it('knows a session that cannot go on from one that only has to wait', () => {
    const outbox = new Outbox(5)
    outbox.linked(PACE, 0)
    outbox.add(ACTION, 0).body = new Uint8Array(1)
    assert.equal(outbox.gap(5, 6, 0), 'applied')
    const verdicts = Array.from({ length: 200 }, () => outbox.gap(5, 3, 0))
    assert.equal(verdicts[0], 'retry')
    assert.equal(verdicts.at(-1), 'broken')
  })
})

describe('the bytes that open a session', () => {
  const fixed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

  it('are these, exactly', () => {
    const grant = grantMessage({
      genesisHash: fixed(1),
      sessionKey: fixed(2),
      gatewayId: 'gw',
      nonce: fixed(3),
      expiresAtMs: 1_700_000_000_000,
    })
    const rest = `${'01'.repeat(32)}${'02'.repeat(32)}00026777${'03'.repeat(32)}0000018bcfe56800`
    assert.equal(Buffer.from(grant).toString('hex'), Buffer.from('freehold/grant/1\n').toString('hex') + rest)
    const challenge = challengeMessage({
      genesisHash: fixed(1),
      gatewayId: 'gw',
      nonce: fixed(3),
      playerKey: fixed(4),
    })
    assert.equal(
      Buffer.from(challenge).toString('hex'),
      `${Buffer.from('freehold/challenge/1\n').toString('hex')}${'01'.repeat(32)}00026777${'03'.repeat(32)}${'04'.repeat(32)}`,
    )
  })

  it('agree with the world about the head of an input', () => {
    const player = testPlayer('Ada')
    const body = inputBody(player, 0xfedcba98, ACTION)
    assert.equal(seqOfBody(body), 0xfedcba98)
    assert.deepEqual(Buffer.from(body.subarray(0, 32)), Buffer.from(player.publicKey))
    assert.deepEqual(
      Buffer.from(body.subarray(32, 48)),
      Buffer.from(sessionIdOf(player.sessionKey, player.number, sha256)),
    )
  })
})

describe('the histogram', () => {
  it('is right to five per cent, merged or not', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.2, max: 60_000, noNaN: true }), { minLength: 1 }), values => {
        const [one, two] = [new Histogram(), new Histogram()]
        for (const [i, value] of values.entries()) (i % 2 === 0 ? one : two).add(value)
        one.addSparse(two.sparse())
        const sorted = values.toSorted((a, b) => a - b)
        for (const part of [0.5, 0.99, 1]) {
          const exact = sorted[Math.ceil(part * values.length) - 1]!
          const told = one.quantile(part)
          assert.ok(told >= exact - 0.011 && told <= exact * 1.051 + 0.01, `${told} for ${exact}`)
        }
        assert.equal(one.count, values.length)
      }),
    )
    assert.equal(new Histogram().quantile(0.5), 0)
  })
})
