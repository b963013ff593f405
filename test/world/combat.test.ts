import assert from 'node:assert/strict'
import { type Action, decodeEvent, positionAt, type WorldEvent } from '../../world/codec.ts'
import type { Applied } from '../../world/interface.ts'
import { type Stage, stageOf } from './support.ts'

const events = (applied: Applied): WorldEvent[] => applied.events.map(event => decodeEvent(event)!)
const only = <K extends WorldEvent['kind']>(applied: Applied, kind: K) =>
  events(applied).filter((event): event is Extract<WorldEvent, { kind: K }> => event.kind === kind)

const step = (stage: Stage) => stage.tickTo(stage.world.tick + 1)

/** Two players, the second walked over to the first. */
function duel(): { stage: Stage; one: string; two: string } {
  const stage = stageOf()
  const one = stage.enter(1)
  const two = stage.enter(2)
  for (let leg = 0; leg < 5; leg++) {
    const at = positionAt(stage.world.entity(one)!.motion, stage.world.tick)
    const from = positionAt(stage.world.entity(two)!.motion, stage.world.tick)
    const [dx, dy] = [at.xMm - from.xMm, at.yMm - from.yMm]
    if (Math.hypot(dx, dy) < 2000) break
    const ticks = Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)) / 480)
    stage.send(2, { kind: 'move', vxMmPerTick: Math.trunc(dx / ticks), vyMmPerTick: Math.trunc(dy / ticks) })
    stage.tickTo(stage.world.tick + ticks)
    stage.send(2, { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 })
  }
  return { stage, one, two }
}

/** Player 2 strikes player 1 until it dies; gives the record in which it died. */
function kill(stage: Stage, victim: string): Applied {
  for (let i = 0; i < 1000; i++) {
    stage.ask(2, { kind: 'strike', target: victim })
    const applied = step(stage)
    if (only(applied, 'died').length > 0) return applied
  }
  throw new Error('nobody died')
}

describe('a strike', () => {
  it('is decided and announced at once, and lands exactly so', () => {
    let hits = 0
    const { stage, one, two } = duel()
    for (let round = 0; round < 6; round++) {
      const applied = stage.send(2, { kind: 'strike', target: one })
      const [announced] = only(applied, 'strike-announced')
      assert.ok(announced && applied.outcome!.code === 'ok')
      assert.deepEqual([applied.outcome!.entity, applied.outcome!.value], [one, announced.landTick])
      assert.ok(announced.landTick > stage.world.tick && announced.reactionTicks > 0)
      assert.equal(announced.damage > 0, announced.hit)
      stage.tickTo(announced.landTick - 1)
      const landing = stage.tickTo(announced.landTick)
      const [landed] = only(landing, 'strike-landed')
      const { hit, place, damage, target, entity } = announced
      assert.deepEqual(
        { hit, place, damage, target, entity },
        {
          hit: landed!.hit,
          place: landed!.place,
          damage: landed!.damage,
          target: landed!.target,
          entity: two,
        },
      )
      if (hit) hits++
      stage.tickTo(stage.world.tick + 15)
    }
    assert.ok(hits > 0)
  })

  it('can not be taken back: it lands though both have run, and a tick that jumps over it loses nothing', () => {
    const { stage, one } = duel()
    const [announced] = only(stage.send(2, { kind: 'strike', target: one }), 'strike-announced')
    stage.send(1, { kind: 'move', vxMmPerTick: 600, vyMmPerTick: 0 })
    stage.send(2, { kind: 'move', vxMmPerTick: -600, vyMmPerTick: 0 })
    assert.equal(stage.ask(2, { kind: 'leave' }).code, 'in-combat')
    assert.equal(stage.ask(1, { kind: 'leave' }).code, 'in-combat')
    const [landed] = only(stage.tickTo(stage.world.tick + 40), 'strike-landed')
    assert.equal(landed!.tick, announced!.landTick)
    assert.equal(landed!.damage, announced!.damage)
  })

  it('is refused on the self, the absent, the sleeping, the dead, out of reach and too soon', () => {
    const { stage, one, two } = duel()
    const code = (player: number, target: string) => stage.ask(player, { kind: 'strike', target }).code
    assert.equal(code(2, two), 'self')
    assert.equal(code(2, 'f'.repeat(32)), 'unknown-target')
    const far = stage.enter(3)
    stage.send(3, { kind: 'move', vxMmPerTick: 700, vyMmPerTick: 0 })
    stage.tickTo(stage.world.tick + 200)
    assert.equal(code(2, far), 'out-of-reach')
    stage.send(1, { kind: 'leave' })
    assert.equal(code(2, one), 'target-asleep')
    stage.send(1, { kind: 'spawn', name: 'back' })
    assert.equal(code(2, one), 'ok')
    assert.equal(code(2, one), 'cooldown')
    kill(stage, one)
    assert.equal(code(2, one), 'target-dead')
    assert.equal(stage.ask(1, { kind: 'strike', target: two }).code, 'dead')
  })

  it('kills at no health; the dead come back at the spawn point, whole, five seconds later', () => {
    const { stage, one, two } = duel()
    const [died] = only(kill(stage, one), 'died')
    assert.deepEqual([died!.entity, died!.killer], [one, two])
    assert.equal(stage.world.needsTick(), true)
    stage.tickTo(died!.tick + 49)
    assert.equal(stage.ask(1, { kind: 'move', vxMmPerTick: 1, vyMmPerTick: 1 }).code, 'dead')
    const [respawned] = only(step(stage), 'respawned')
    assert.equal(respawned!.entity, one)
    assert.ok(Math.hypot(respawned!.xMm + 5_000_000, respawned!.yMm - 25_000_000) <= 20_000)
    const back = stage.world.entity(one)!
    assert.equal(back.kind === 'character' && back.health, 100)
    assert.equal(stage.ask(1, { kind: 'move', vxMmPerTick: 1, vyMmPerTick: 1 }).code, 'ok')
  })

  it('that kills leaves half of what the dead carried on the ground, for a minute', () => {
    const stage = stageOf({
      sideMm: 100_000,
      spawns: [{ xMm: -9_950_000, yMm: 20_050_000 }],
      resourceCount: 30,
    })
    const one = stage.enter(1)
    const two = stage.enter(2)
    const chase = (player: number, id: string, to: { xMm: number; yMm: number }) => {
      const at = positionAt(stage.world.entity(id)!.motion, stage.world.tick)
      const ticks = Math.max(
        1,
        Math.ceil(Math.max(Math.abs(to.xMm - at.xMm), Math.abs(to.yMm - at.yMm)) / 480),
      )
      const v = [Math.trunc((to.xMm - at.xMm) / ticks), Math.trunc((to.yMm - at.yMm) / ticks)] as const
      stage.send(player, { kind: 'move', vxMmPerTick: v[0], vyMmPerTick: v[1] })
      stage.tickTo(stage.world.tick + ticks)
      stage.send(player, { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 })
    }
    const node = [...stage.world.entities()].find(entity => entity.kind === 'resource')!
    chase(1, one, node.motion)
    const gather: Action = { kind: 'gather', resource: node.id }
    for (let i = 0; i < 7; i++) {
      assert.equal(stage.ask(1, gather).code, 'ok')
      stage.tickTo(stage.world.tick + 10)
    }
    chase(2, two, node.motion)
    const death = kill(stage, one)
    const loot = death.changed.map(id => stage.world.entity(id)!).find(entity => entity.kind === 'resource')!
    assert.deepEqual([loot.kind === 'resource' && loot.stock, loot.birthLeaf], [3, stage.leaf - 1])
    assert.equal(stage.ask(2, { kind: 'gather', resource: loot.id }).code, 'ok')
    stage.tickTo(stage.world.tick + 599)
    assert.ok(stage.world.entity(loot.id))
    assert.deepEqual(step(stage).removed, [loot.id])
    assert.equal(stage.world.entity(loot.id), undefined)
    const told = stage.world.takeDirty()
    assert.ok(
      told.every(({ value }) => value),
      'what came and went between two calls was never there',
    )
    assert.equal(stage.world.needsTick(), false)
  })
})
