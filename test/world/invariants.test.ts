import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  decodeEvent,
  type EntityView,
  INVENTORY_MAX_ITEMS,
  positionAt,
  STRUCTURES,
} from '../../world/codec.ts'
import type { Applied } from '../../world/interface.ts'
import { createWorld, type World } from '../../world/world.ts'
import { smallCharter as charter, play, turns } from './play.ts'
import { host, Stage } from './support.ts'

const decoded = (applied: Applied) => applied.events.map(event => decodeEvent(event)!)

/** Plays random turns and looks at the world after every record. */
function watch(
  look: (world: World, applied: Applied) => void,
): (turns: Parameters<typeof play>[1][]) => Stage {
  return turns => {
    const stage = new Stage(createWorld(host, charter))
    for (const turn of turns) play(stage, turn, applied => look(stage.world, applied))
    return stage
  }
}

describe('whatever players try', function () {
  this.timeout(20_000)

  it('nobody is ever outside the area, and nobody carries less than nothing or too much', () => {
    const run = watch(world => {
      for (const entity of world.entities()) {
        for (const tick of [world.tick, entity.motion.untilTick]) {
          const { xMm, yMm } = positionAt(entity.motion, tick)
          assert.ok(xMm >= charter.xMm && xMm < charter.xMm + charter.sideMm)
          assert.ok(yMm >= charter.yMm && yMm < charter.yMm + charter.sideMm)
        }
        if ('items' in entity) {
          assert.ok(entity.items.every(count => count >= 0))
          assert.ok(entity.items.reduce((sum, count) => sum + count) <= INVENTORY_MAX_ITEMS)
        }
      }
    })
    fc.assert(
      fc.property(turns(40), turns => {
        run(turns)
      }),
      { numRuns: 15 },
    )
  })

  it('nobody gets anywhere faster than a character runs, but by coming back from the dead', () => {
    fc.assert(
      fc.property(turns(40), turns => {
        const last = new Map<string, { tick: number; xMm: number; yMm: number }>()
        watch((world, applied) => {
          const moved = new Set(
            decoded(applied).map(event => (event.kind === 'respawned' ? event.entity : '')),
          )
          for (const { id, motion } of world.entities()) {
            const at = positionAt(motion, world.tick)
            const before = last.get(id)
            if (before && !moved.has(id)) {
              const reach = 700 * (world.tick - before.tick)
              assert.ok((at.xMm - before.xMm) ** 2 + (at.yMm - before.yMm) ** 2 <= reach ** 2)
            }
            last.set(id, { tick: world.tick, ...at })
          }
        })(turns)
      }),
      { numRuns: 15 },
    )
  })

  it('no item comes from nowhere: what is carried, lying about or built in was gathered from what had grown', () => {
    fc.assert(
      fc.property(turns(60), turns => {
        const wild = new Map<string, Extract<EntityView, { kind: 'resource' }>>()
        for (const entity of createWorld(host, charter).entities()) {
          if (entity.kind === 'resource') wild.set(entity.id, entity)
        }
        const taken = new Map<string, number>()
        const gathered = [0, 0]
        const spent = [0, 0]
        const { world } = watch((_, applied) => {
          for (const event of decoded(applied)) {
            if (event.kind === 'gathered' && wild.has(event.resource)) {
              gathered[event.item]! += event.amount
              taken.set(event.resource, (taken.get(event.resource) ?? 0) + event.amount)
            }
            if (event.kind === 'built') {
              STRUCTURES[event.structure]!.cost.forEach((cost, item) => {
                spent[item]! += cost
              })
            }
          }
        })(turns)

        for (const [id, { capacity, regrowTicks }] of wild) {
          assert.ok((taken.get(id) ?? 0) <= capacity + Math.floor(world.tick / regrowTicks))
        }
        for (const item of [0, 1]) {
          let held = spent[item]!
          for (const entity of world.entities()) {
            if ('items' in entity) held += entity.items[item]!
            if (entity.kind === 'resource' && !wild.has(entity.id) && entity.item === item)
              held += entity.stock
          }
          assert.ok(held <= gathered[item]!, `${held} held, ${gathered[item]} gathered`)
        }
      }),
      { numRuns: 12 },
    )
  })
})
