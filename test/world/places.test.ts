import assert from 'node:assert/strict'
import fc from 'fast-check'
import { positionAt } from '../../world/codec.ts'
import { grown, isInside, isMoving, isWithin, moving } from '../../world/motion.ts'
import { StaticGrid } from '../../world/static-grid.ts'

const bounds = { xMm: -3_000, yMm: 7_000, sideMm: 10_000 }
const inside = fc
  .tuple(fc.integer({ min: -3_000, max: 6_999 }), fc.integer({ min: 7_000, max: 16_999 }))
  .map(([xMm, yMm]) => ({ xMm, yMm }))
/** Small ones often: those hit the border exactly. */
const speed = fc.oneof(fc.integer({ min: -700, max: 700 }), fc.integer({ min: -4, max: 4 }))

describe('a course', () => {
  it('takes the last whole step that stays inside, and not one more', () => {
    fc.assert(
      fc.property(inside, speed, speed, fc.nat({ max: 1e9 }), (from, vx, vy, tick) => {
        fc.pre(vx !== 0 || vy !== 0)
        const motion = moving(bounds, from, vx, vy, tick)
        const end = positionAt(motion, Number.MAX_SAFE_INTEGER)
        assert.ok(isInside(bounds, end.xMm, end.yMm))
        assert.ok(!isInside(bounds, end.xMm + vx, end.yMm + vy))
        assert.deepEqual(positionAt(motion, tick), from)
        assert.deepEqual(positionAt(motion, tick - 5), from)
        assert.equal(isMoving(motion), motion.untilTick > tick)
        const between = positionAt(motion, tick + 1)
        if (isMoving(motion)) assert.deepEqual(between, { xMm: from.xMm + vx, yMm: from.yMm + vy })
      }),
    )
  })

  it('keeps distances exact and small: what is far is told before anything is squared', () => {
    const far = 4_000_000_000_000_000
    assert.equal(isWithin({ xMm: -far, yMm: 0 }, { xMm: far, yMm: 0 }, 3_000), false)
    assert.equal(isWithin({ xMm: 0, yMm: 0 }, { xMm: 1_800, yMm: 2_400 }, 3_000), true)
    assert.equal(isWithin({ xMm: 0, yMm: 0 }, { xMm: 1_800, yMm: 2_401 }, 3_000), false)
  })
})

describe('what grows back', () => {
  it('comes to the same however often it is looked at and taken from', () => {
    assert.equal(grown(3, 100, 20, 50, 149), 3)
    assert.equal(grown(3, 100, 20, 50, 150), 4)
    assert.equal(grown(3, 100, 20, 50, 1e9), 20)
    assert.equal(grown(3, 100, 20, 0, 1e9), 3)
  })
})

describe('the grid of what stands', () => {
  const spot = fc.record({ xMm: fc.integer({ min: -9, max: 9 }), yMm: fc.integer({ min: -9, max: 9 }) })
  const spots = fc.array(
    spot.map(({ xMm, yMm }) => ({ xMm: xMm * 1_000, yMm: yMm * 1_000 })),
    { minLength: 1, maxLength: 30, size: 'max' },
  )

  it('answers as if it had looked at everything, in whatever order it was filled', () => {
    fc.assert(
      fc.property(spots, spot, fc.integer({ min: 500, max: 12_000 }), (places, at, reach) => {
        const all = places.map((place, n) => ({
          ...place,
          id: String(n).padStart(2, '0'),
          halfMm: 500 + (n % 3) * 500,
        }))
        const forward = new StaticGrid()
        const backward = new StaticGrid()
        for (const one of all) forward.add(one)
        for (const one of all.toReversed()) backward.add(one)
        const square = (one: { xMm: number; yMm: number }) =>
          (one.xMm - at.xMm) ** 2 + (one.yMm - at.yMm) ** 2
        const wanted = all
          .filter(one => square(one) <= reach ** 2 && one.id !== '00')
          .sort((a, b) => square(a) - square(b) || (a.id < b.id ? -1 : 1))[0]
        const overlap = all.some(
          one =>
            Math.abs(one.xMm - at.xMm) < one.halfMm + 1_000 &&
            Math.abs(one.yMm - at.yMm) < one.halfMm + 1_000,
        )
        for (const grid of [forward, backward]) {
          assert.equal(grid.nearest(at, reach, id => id !== '00')?.id, wanted?.id)
          assert.equal(grid.overlaps(at.xMm, at.yMm, 1_000), overlap)
        }
      }),
    )
  })
})
