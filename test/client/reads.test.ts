import assert from 'node:assert/strict'
import { type EntityRead, Reads } from '../../client/sdk/reads.ts'

const PACE = { perSecond: 100, burst: 100, inFlight: 10 }
const TARGET = new Uint8Array(16)

describe("a client's reads", () => {
  let reads: Reads
  let asked: Promise<EntityRead>

  beforeEach(() => {
    reads = new Reads()
    reads.linked(PACE, 0)
  })

  /** Asks for one, and whether an answer that shows a log of this size can be true. */
  function isTrue(size: number): boolean {
    asked = reads.ask(TARGET, 0)
    return isTrueNow(size)
  }

  function isTrueNow(size: number): boolean {
    const [read] = reads.due(0)
    const state = { entity: undefined, size, tick: 1, byLease: false }
    return reads.answered({ number: read!.number, state, code: '', retryAfterMs: 0 }, 0)
  }

  it('show at least as much as a receipt has proven, at any gateway', async () => {
    reads.proved(50)
    assert.equal(isTrue(49), false)
    reads.linked(PACE, 0)
    assert.equal(isTrueNow(49), false)
    reads.linked(PACE, 0)
    assert.equal(isTrueNow(50), true)
    assert.equal((await asked).size, 50)
  })

  it('show at least as much as this gateway has told before', () => {
    assert.equal(isTrue(50), true)
    assert.equal(isTrue(49), false)
  })

  it('are not held against what another gateway made up', async () => {
    assert.equal(isTrue(Number.MAX_SAFE_INTEGER), true)
    const open = reads.ask(TARGET, 0)
    reads.linked(PACE, 0)
    assert.equal(isTrueNow(50), true)
    assert.equal((await open).size, 50)
    assert.equal(isTrue(51), true)
  })
})
