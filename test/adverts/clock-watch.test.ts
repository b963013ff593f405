import assert from 'node:assert/strict'
import { ClockWatch } from '../../daemon/adverts/clock-watch.ts'

const HOUR_MS = 3_600_000
const agreed = { isKnown: true, behindMs: 0 }
const unheard = { isKnown: false, behindMs: 0 }

describe("a node's clock at its start", () => {
  it('is held against most other nodes, whatever a seal in its log says: one leader alone has dated that', () => {
    const watch = new ClockWatch(2 * HOUR_MS, 4, 0)
    assert.equal(watch.look(unheard, 0), undefined)
    assert.equal(watch.look(agreed, 10_000), undefined)
    assert.equal(watch.look(unheard, 40_000), undefined, 'and they are asked once')
    const wrong = watch.look({ isKnown: true, behindMs: HOUR_MS }, 50_000)
    assert.deepEqual(wrong, { behindMs: HOUR_MS, comparedWith: 'the other nodes' })
  })

  it('is held against the last seal that was decided where nobody can be asked', () => {
    const behind = { behindMs: HOUR_MS, comparedWith: 'the last seal in its log' }
    const cut = new ClockWatch(HOUR_MS, 4, 0)
    assert.equal(cut.look(unheard, 29_000), undefined)
    assert.deepEqual(cut.look(unheard, 30_000), behind)
    assert.deepEqual(
      new ClockWatch(HOUR_MS, 2, 0).look(unheard, 0),
      behind,
      'of two nobody knows which is right',
    )
    assert.equal(new ClockWatch(-HOUR_MS, 1, 0).look(unheard, 0), undefined, 'old seals say nothing')
  })
})
