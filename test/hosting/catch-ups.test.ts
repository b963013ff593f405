import assert from 'node:assert/strict'
import type { SnapshotOffer } from '../../consensus/groups/types.ts'
import { CatchUps } from '../../daemon/hosting/catch-ups.ts'

function offer(group: number): SnapshotOffer {
  return { group, from: 1, index: 5, term: 1, meta: new Uint8Array(8) }
}

describe('replicas of a node that fell behind', () => {
  it('catch up two at a time, in the order of their offers, whatever becomes of each', async () => {
    const running = new Map<number, () => void>()
    const catchUps = new CatchUps(({ group }) => new Promise(resolve => running.set(group, resolve)))
    for (let group = 1; group <= 5; group++) catchUps.add(offer(group))
    assert.deepEqual([...running.keys()], [1, 2])
    for (const [done, next] of [
      [2, 3],
      [1, 4],
      [3, 5],
    ] as const) {
      running.get(done)!()
      running.delete(done)
      await new Promise(setImmediate)
      assert.equal([...running.keys()].at(-1), next)
      assert.equal(running.size, 2)
    }
  })
})
