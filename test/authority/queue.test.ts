import assert from 'node:assert/strict'
import fc from 'fast-check'
import { BoundedQueue } from '../../daemon/authority/queue.ts'
import { RecentEntries } from '../../daemon/authority/recent.ts'
import { encodeBatch, recordKind } from '../../storage/log/record.ts'

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

describe('recent entries', () => {
  const entry = (firstLeaf: number, count: number, bodyBytes = 1) => ({
    firstLeaf,
    data: encodeBatch(
      Array.from({ length: count }, (_, i) => ({
        ...{ kind: recordKind.input, rulesVersion: 1, salt: new Uint8Array(16) },
        body: new Uint8Array(bodyBytes).fill(firstLeaf + i),
      })),
    ),
    leafHashes: Uint8Array.from({ length: 32 * count }, (_, at) => firstLeaf + Math.floor(at / 32)),
  })

  it('give each record and its leaf hash back', () => {
    const recent = new RecentEntries()
    for (const [leaf, count] of [
      [5, 3],
      [8, 1],
      [9, 20],
    ] as const)
      recent.add(entry(leaf, count))
    for (let leaf = 5; leaf < 29; leaf++) {
      const found = recent.find(leaf)!
      assert.deepEqual([...found.record.body], [leaf])
      assert.deepEqual([...new Set(found.leafHash)], [leaf])
    }
    for (const leaf of [0, 4, 29]) assert.equal(recent.find(leaf), undefined)
  })

  it('are bounded in bytes and in number, and the oldest go first', () => {
    const recent = new RecentEntries()
    for (let i = 0; i < 100; i++) recent.add(entry(i, 1, 60_000))
    assert.deepEqual(
      [29, 31, 99].map(leaf => recent.find(leaf) !== undefined),
      [false, true, true],
    )
    for (let i = 100; i < 10_000; i++) recent.add(entry(i, 1))
    assert.equal(recent.find(9_999 - 4_096), undefined)
    assert.ok(recent.find(10_000 - 4_096) !== undefined)
  })
})
