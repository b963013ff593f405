import assert from 'node:assert/strict'
import { Progress } from '../../daemon/hosting/finality/progress.ts'

const GROUP = 1
const quiet = { sealHeight: 3, actions: 10, isUnsealed: false }

/** Looks once a second for so many seconds, and says after how many the view was suspected. */
function secondsUntil(
  progress: Progress,
  fromMs: number,
  seconds: number,
  signs: typeof quiet,
  waits = false,
): number | undefined {
  for (let second = 1; second <= seconds; second++) {
    const nowMs = fromMs + second * 1000
    if (waits) progress.waits(GROUP, nowMs)
    if (progress.look(GROUP, signs, nowMs)) return second
  }
  return undefined
}

describe('the watch over the leader of a view', () => {
  let progress: Progress
  beforeEach(() => {
    progress = new Progress(failures => 10_000 * 2 ** failures)
    progress.look(GROUP, quiet, 0)
  })

  it('says nothing of one that has nothing to do', () => {
    assert.equal(secondsUntil(progress, 0, 100, quiet), undefined)
  })

  it('suspects one that does not seal, later each time, and soon again once it has sealed', () => {
    const unsealed = { ...quiet, isUnsealed: true }
    assert.equal(secondsUntil(progress, 0, 100, unsealed), 11)
    assert.equal(secondsUntil(progress, 11_000, 100, unsealed), 21)
    assert.equal(secondsUntil(progress, 32_000, 1, { ...unsealed, sealHeight: 4 }), undefined)
    assert.equal(secondsUntil(progress, 33_000, 100, { ...unsealed, sealHeight: 4 }), 11)
  })

  it('suspects one that answers nobody, and not one that serves somebody', () => {
    assert.equal(secondsUntil(progress, 0, 100, quiet, true), 11)
    for (let second = 12; second < 60; second++)
      assert.equal(secondsUntil(progress, second * 1000, 1, { ...quiet, actions: second }, true), undefined)
  })

  it('suspects one that answers nobody later each time, whatever it seals, and soon again once it has served', () => {
    let second = 0
    const next = (actions: number): number => {
      const from = second
      for (;;) {
        // An area without players goes on being sealed now and then.
        const signs = { sealHeight: 3 + Math.floor(++second / 4), actions, isUnsealed: false }
        progress.waits(GROUP, second * 1000)
        if (progress.look(GROUP, signs, second * 1000)) return second - from
      }
    }
    assert.deepEqual([next(10), next(10), next(10)], [11, 21, 41])
    assert.equal(next(11), 12)
  })

  it('begins anew when its own process stood still', () => {
    const unsealed = { ...quiet, isUnsealed: true }
    assert.equal(secondsUntil(progress, 0, 8, unsealed), undefined)
    assert.equal(secondsUntil(progress, 60_000, 9, unsealed), undefined)
    assert.equal(secondsUntil(progress, 69_000, 9, unsealed), 2)
  })
})
