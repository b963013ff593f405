import assert from 'node:assert/strict'
import fc from 'fast-check'
import { rootOfLeaves } from '../../audit/verify/leaves.ts'
import { type FinalAnswer, FinalAsks } from '../../daemon/hosting/final-asks.ts'
import {
  decodeFinalAnswers,
  decodeFinalRequest,
  encodeFinalAnswers,
  encodeFinalRequest,
} from '../../daemon/routing/final-codec.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { sha256 } from '../../storage/sha256.ts'

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

describe('those who wait for leaves of a log to become final', () => {
  const log = new MerkleLog(async () => undefined)
  for (let i = 0; i < 200; i++) log.append(sha256(Uint8Array.of(i)))
  let size: number
  let seals: number
  let sealAsked: boolean
  let leads: boolean
  let asks: FinalAsks

  beforeEach(() => {
    size = 0
    seals = 0
    sealAsked = false
    leads = true
    asks = new FinalAsks({
      ...{ log, leads: () => leads, isSealAsked: () => sealAsked, activations: () => [] },
      sealSoon: () => {
        seals++
        sealAsked = true
      },
      signed: () => ({ size, note: `note of ${size}` }),
    })
  })

  function ask(leaves: number[], nowMs = 0, soon = true, from = 1): FinalAnswer[] {
    const answers: FinalAnswer[] = []
    asks.ask({ leaves, soon, epoch: 1 }, from, nowMs, answer => answers.push(answer))
    return answers
  }

  async function decide(upTo: number): Promise<void> {
    size = upTo
    asks.decided({ size, root: await log.rootAt(size), certificate: Uint8Array.of(upTo) })
    await turn()
  }

  it('are told with a proof, all at once, as soon as the decided log holds them', async () => {
    const [first, second, third] = [ask([3, 9]), ask([5]), ask([50])]
    await decide(10)
    assert.equal(third.length, 0)
    for (const [answers, leaves] of [[first, [3, 9]] as const, [second, [5]] as const]) {
      const [answer] = answers
      assert.ok(answers.length === 1 && answer?.kind === 'final')
      const { hashes, proof, checkpoint, certificate } = answer.proof
      assert.deepEqual([checkpoint, [...certificate]], ['note of 10', [10]])
      assert.deepEqual(
        rootOfLeaves({ size: 10, leaves, hashes, proof }),
        new Uint8Array(await log.rootAt(10)),
      )
    }
    const late = ask([9])
    await turn()
    assert.equal(late[0]?.kind, 'final')
  })

  it('have the log sealed soon when they ask for that, and not for what is final already', async () => {
    ask([3], 0, false)
    assert.equal(seals, 0)
    ask([3])
    assert.equal(seals, 1)
    await decide(10)
    ask([3])
    assert.equal(seals, 1)
  })

  /** As a leader does: what is asked for begins when the last one is decided, at most every 50 ms. */
  async function play(
    fromMs: number,
    untilMs: number,
    each: (ms: number) => void = () => {},
  ): Promise<{ seals: number }> {
    const before = seals
    for (let ms = fromMs; ms < untilMs; ms += 10) {
      each(ms)
      asks.tick(ms)
      if (ms % 50 === 0 && sealAsked) {
        sealAsked = false
        await decide(Math.min(200, size + 1))
      }
    }
    return { seals: seals - before }
  }

  it("share a node's seals: the crowd at one gateway, or one client of it, has five a second", async () => {
    const crowd: FinalAnswer[][] = []
    const { seals: made } = await play(0, 4_000, ms => {
      for (let i = 0; i < 5; i++) crowd.push(ask([size], ms))
    })
    assert.ok(made >= 20 && made <= 25, `${made} seals`)
    // Nobody waited for longer than it takes until the next one may be asked for.
    await play(4_000, 4_300)
    await turn()
    assert.ok(crowd.every(answers => answers[0]?.kind === 'final'))
  })

  it('are not held up by the crowd at another gateway', async () => {
    await play(0, 2_000, ms => ask([199], ms))
    const modest = ask([size], 2_000, true, 2)
    await play(2_000, 2_060)
    assert.equal(modest[0]?.kind, 'final')
  })

  it('hear within half a second that it is not yet: here from a leader, elsewhere from others', () => {
    const answers = ask([3], 1_000)
    asks.tick(1_499)
    assert.deepEqual(answers, [])
    asks.tick(1_500)
    assert.deepEqual(answers, [{ kind: 'not-yet' }])
    leads = false
    const others = ask([3], 2_000)
    asks.tick(2_500)
    assert.deepEqual(others, [{ kind: 'not-leader', leader: 0 }])
  })

  it('are so many and no more', () => {
    for (let i = 0; i < 4_096; i++) ask([3])
    assert.deepEqual(ask([3]), [{ kind: 'busy', retryAfterMs: 500 }])
  })

  it('are sent elsewhere when the replica ends', () => {
    const answers = ask([3])
    asks.end()
    assert.deepEqual(answers, [{ kind: 'not-leader', leader: 0 }])
  })
})

describe("what is final, on its way between gateways' nodes and members", () => {
  const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER })
  const leaves = fc
    .uniqueArray(whole, { minLength: 1, maxLength: 128 })
    .map(some => some.sort((a, b) => a - b))
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 })
  const proof = fc.record({
    ...{ certificate: bytes, checkpoint: fc.string(), hashes: bytes, proof: bytes },
    activations: fc.array(bytes, { maxLength: 3 }),
  })
  const answer: fc.Arbitrary<FinalAnswer> = fc.oneof(
    proof.map(it => ({ kind: 'final' as const, proof: { ...it } })),
    fc.integer({ min: 1, max: 1e6 }).map(retryAfterMs => ({ kind: 'busy' as const, retryAfterMs })),
    fc.constant({ kind: 'not-yet' as const }),
    fc.constant({ kind: 'not-leader' as const, leader: 0 }),
  )

  it('comes out as it went in', () => {
    const asked = fc.array(fc.record({ leaves, soon: fc.boolean(), epoch: fc.nat() }), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(whole, whole, asked, (group, batch, some) => {
        const asks = some.map(it => ({ ...it }))
        assert.deepEqual(decodeFinalRequest(encodeFinalRequest({ group, batch, asks })), {
          group,
          batch,
          asks,
        })
      }),
    )
    const answers = fc.array(fc.record({ index: fc.nat(), answer }), { maxLength: 8 })
    fc.assert(
      fc.property(whole, answers, (batch, some) => {
        const sent = some.map(it => ({ ...it }))
        assert.deepEqual(decodeFinalAnswers(encodeFinalAnswers({ batch, answers: sent })), {
          batch,
          answers: sent,
        })
      }),
    )
  })

  it('is refused, and never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), frame => {
        const request = decodeFinalRequest(frame)
        assert.ok(request === undefined || request.asks.length > 0)
        decodeFinalAnswers(frame)
      }),
    )
    for (const some of [[], [5, 5], [7, 5], Array.from({ length: 129 }, (_, i) => i)]) {
      const asks = [{ leaves: some, soon: false, epoch: 1 }]
      assert.equal(decodeFinalRequest(encodeFinalRequest({ group: 1, batch: 1, asks })), undefined)
    }
  })
})
