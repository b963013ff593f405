import assert from 'node:assert/strict'
import fc from 'fast-check'
import { RecentOutcomes } from '../../daemon/authority/outcomes.ts'
import { BoundedQueue } from '../../daemon/authority/queue.ts'
import { OUTCOMES_KEPT } from '../../world/codec.ts'

describe('a bounded queue', () => {
  it('keeps the order, and never holds more items or bytes than it may', () => {
    const step = fc.oneof(fc.nat(60), fc.constant('shift' as const))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), steps => {
        const queue = new BoundedQueue<{ id: number; size: number }>('test', 8, {
          maxBytes: 100,
          sizeOf: item => item.size,
        })
        const model: { id: number; size: number }[] = []
        let turnedAway = 0
        for (const [id, it] of steps.entries()) {
          if (it === 'shift') {
            assert.deepEqual(queue.shift(), model.shift())
            continue
          }
          const bytes = model.reduce((sum, { size }) => sum + size, 0)
          const fits = model.length < 8 && bytes + it <= 100
          assert.equal(queue.push({ id, size: it }), fits)
          if (fits) model.push({ id, size: it })
          else turnedAway++
        }
        assert.equal(queue.length, model.length)
        assert.equal(queue.dropped, turnedAway)
        assert.deepEqual(queue.drain(), model)
        assert.equal(queue.sizeBytes, 0)
      }),
    )
  })
})

describe('recent outcomes', () => {
  const outcome = (leaf: number, entry: Uint8Array) => ({
    leaf,
    header: new Uint8Array(4),
    salt: entry.subarray(0, 16),
    leafHash: entry.subarray(16, 48),
    outcome: new Uint8Array(1),
  })

  it('hold on to no entry for the sake of the few bytes of it that they need', () => {
    const recent = new RecentOutcomes()
    recent.remember('ada', 'one', 1, outcome(7, new Uint8Array(1_000_000)))
    const found = recent.find('ada', 'one', 1)!
    assert.equal(found.leaf, 7)
    assert.ok(found.salt.buffer.byteLength < 100_000 && found.leafHash.buffer.byteLength < 100_000)
  })

  it('forget what a client can no longer ask for, and whoever was not heard of for longest', () => {
    const recent = new RecentOutcomes()
    for (let seq = 1; seq <= 40; seq++) recent.remember('ada', 'one', seq, outcome(seq, new Uint8Array(48)))
    assert.equal(recent.find('ada', 'one', 40 - OUTCOMES_KEPT), undefined)
    assert.equal(recent.find('ada', 'one', 41 - OUTCOMES_KEPT)?.leaf, 41 - OUTCOMES_KEPT)
    for (let i = 0; i < 2_000; i++) recent.remember(`${i}`, 'one', 1, outcome(i, new Uint8Array(48)))
    assert.equal(recent.find('ada', 'one', 40), undefined)
    assert.equal(recent.find('1999', 'one', 1)?.leaf, 1999)
  })
})
