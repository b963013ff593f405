import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Action } from '../../world/codec.ts'
import { positionAt } from '../../world/codec.ts'
import { createWorld, restoreWorld, type World } from '../../world/world.ts'
import { charterOf, hex, hexEntries, host, playerKey, Stage } from './support.ts'

const charter = charterOf({
  sideMm: 100_000,
  spawns: [{ xMm: -9_950_000, yMm: 20_050_000 }],
  resourceCount: 12,
  npcCount: 20,
})

type Step = { player: number; session: number; action: number; a: number; b: number } | { ticks: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      player: fc.integer({ min: 0, max: 5 }),
      session: fc.integer({ min: 1, max: 8 }).map(n => (n === 8 ? 2 : 1)),
      action: fc.integer({ min: 0, max: 11 }),
      a: fc.integer({ min: -600, max: 600 }),
      b: fc.integer({ min: -600, max: 600 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ ticks: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ ticks: fc.integer({ min: 20, max: 4000 }) }) },
)

/** Picks targets out of the world as it is, so that a good part of what is asked for is possible. */
function actionOf(
  world: World,
  step: { action: number; a: number; b: number },
  self: string | undefined,
): Action {
  const entities = [...world.entities()]
  const me = self ? world.entity(self) : undefined
  const at = me && positionAt(me.motion, world.tick)
  const near = (kinds: string[]) => {
    const found = entities
      .filter(entity => kinds.includes(entity.kind) && entity.id !== self)
      .map(entity => ({ id: entity.id, at: positionAt(entity.motion, world.tick) }))
    if (at)
      found.sort(
        (p, q) =>
          Math.hypot(p.at.xMm - at.xMm, p.at.yMm - at.yMm) - Math.hypot(q.at.xMm - at.xMm, q.at.yMm - at.yMm),
      )
    return found[0]
  }
  const { action, a, b } = step
  const towards = (target: { at: { xMm: number; yMm: number } } | undefined): Action => {
    const dx = target && at ? target.at.xMm - at.xMm : a
    const dy = target && at ? target.at.yMm - at.yMm : b
    const far = Math.max(Math.abs(dx), Math.abs(dy), 1)
    return {
      kind: 'move',
      vxMmPerTick: Math.trunc((dx * 480) / far),
      vyMmPerTick: Math.trunc((dy * 480) / far),
    }
  }
  if (action < 2) return { kind: 'spawn', name: 'somebody' }
  if (action === 2) return { kind: 'move', vxMmPerTick: a, vyMmPerTick: b }
  if (action === 3) return towards(near(['resource']))
  if (action === 4) return towards(near(['npc', 'character']))
  if (action < 8) return { kind: 'gather', resource: near(['resource'])?.id ?? '0'.repeat(32) }
  if (action < 11) return { kind: 'strike', target: near(['npc', 'character'])?.id ?? '0'.repeat(32) }
  return { kind: 'leave' }
}

function run(stage: Stage, step: Step): string {
  if ('ticks' in step) return JSON.stringify(stage.tickTo(stage.world.tick + step.ticks))
  const self = stage.world.characterOf(playerKey(step.player))
  return JSON.stringify(stage.send(step.player, actionOf(stage.world, step, self), step.session))
}

describe('a world that is restored', () => {
  it('goes on exactly as the one that was not', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 20, maxLength: 120 }),
        fc.integer({ min: 1, max: 15 }),
        (steps, every) => {
          const straight = new Stage(createWorld(host, charter))
          const restored = new Stage(createWorld(host, charter))
          steps.forEach((step, index) => {
            assert.equal(run(restored, step), run(straight, step))
            if (index % every === 0) restored.world = restoreWorld(host, charter, restored.world.entries())
            assert.equal(restored.world.needsTick(), straight.world.needsTick())
          })
          assert.deepEqual(hexEntries(restored.world), hexEntries(straight.world))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('has told by takeDirty of exactly what entries() holds', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 10, maxLength: 100 }),
        fc.integer({ min: 1, max: 9 }),
        (steps, every) => {
          const stage = new Stage(createWorld(host, charter))
          const store = new Map<string, string>()
          const drain = () => {
            const dirty = stage.world
              .takeDirty()
              .map(({ key, value }) => ({ key: hex(key), value: value && hex(value) }))
            assert.deepEqual(
              dirty.map(({ key }) => key),
              dirty.map(({ key }) => key).toSorted(),
            )
            for (const { key, value } of dirty) {
              if (value) store.set(key, value)
              else assert.ok(store.delete(key), 'what was never stored is never deleted')
            }
          }
          steps.forEach((step, index) => {
            run(stage, step)
            if (index % every === 0) drain()
          })
          drain()
          assert.deepEqual(
            [...store].map(([key, value]) => `${key}=${value}`).toSorted(),
            hexEntries(stage.world),
          )
          assert.deepEqual(stage.world.takeDirty(), [])
        },
      ),
      { numRuns: 40 },
    )
  })

  it('is refused when an entry is missing or broken', () => {
    const world = createWorld(host, charter)
    const entries = [...world.entries()]
    for (let i = 0; i < entries.length; i++) {
      assert.throws(() => restoreWorld(host, charter, entries.toSpliced(i, 1)), { code: 'bad-state' })
      const cut = { key: entries[i]!.key, value: entries[i]!.value.subarray(1) }
      assert.throws(() => restoreWorld(host, charter, entries.with(i, cut)), { code: 'bad-state' })
    }
  })
})
