import assert from 'node:assert/strict'
import { Holding } from '../../daemon/hosting/finality/holding.ts'

const GROUP = 1
const FIRST_MS = 600_000

describe('how long a view is held to its first leader', () => {
  let holding: Holding
  let nowMs: number
  let view: number
  beforeEach(() => {
    holding = new Holding(10_000)
    nowMs = 0
    view = 0
    assert.equal(holding.enters(GROUP, { epoch: 1, view }, nowMs), 0)
  })

  const nextAfter = (lastedMs: number): number => {
    nowMs += lastedMs
    return holding.enters(GROUP, { epoch: 1, view: ++view }, nowMs)
  }

  it('is sixty times what it may bring nothing on; not at all in the first view of an epoch', () => {
    assert.equal(nextAfter(5_000), FIRST_MS)
    assert.equal(holding.enters(GROUP, { epoch: 1, view }, nowMs + 1_000_000), FIRST_MS)
    assert.equal(holding.enters(GROUP, { epoch: 2, view: 0 }, nowMs), 0)
    assert.equal(holding.enters(GROUP + 1, { epoch: 1, view: 7 }, nowMs), FIRST_MS)
  })

  it('stays the same after views that failed while they were held', () => {
    for (let i = 0; i < 5; i++) assert.equal(nextAfter(20_000), FIRST_MS)
  })

  it('doubles, bounded, after each that failed soon after, and begins anew after long service', () => {
    assert.equal(nextAfter(0), FIRST_MS)
    for (let doublings = 1; doublings <= 6; doublings++) {
      const heldMs = FIRST_MS * 2 ** Math.min(doublings - 1, 4)
      assert.equal(nextAfter(heldMs + 10_000), FIRST_MS * 2 ** Math.min(doublings, 4))
    }
    assert.equal(nextAfter(2 * 16 * FIRST_MS), FIRST_MS)
  })
})
