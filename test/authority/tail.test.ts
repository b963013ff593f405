import assert from 'node:assert/strict'
import { UncertifiedTail } from '../../daemon/authority/tail.ts'

describe('what is committed and not decided', () => {
  it('is full with too many bytes, until a seal below them is decided', () => {
    const tail = new UncertifiedTail({ maxBytes: 100, maxMs: 1000 })
    tail.applied(60)
    tail.sealed(10)
    tail.applied(50)
    assert.ok(tail.isFull)
    tail.decided(9)
    assert.ok(tail.isFull, 'a seal above what is decided')
    tail.decided(10)
    assert.equal(tail.sizeBytes, 50)
    assert.ok(!tail.isFull)
  })

  it('is full when nothing was decided for too long, and never while there is nothing', () => {
    const tail = new UncertifiedTail({ maxBytes: 100, maxMs: 1000 })
    tail.tick(0)
    tail.tick(5000)
    assert.ok(!tail.isFull)
    tail.applied(1)
    tail.sealed(1)
    tail.tick(6000)
    tail.tick(6999)
    assert.ok(!tail.isFull)
    tail.tick(7000)
    assert.ok(tail.isFull)
    tail.decided(1)
    tail.tick(20_000)
    assert.ok(!tail.isFull)
  })
})
