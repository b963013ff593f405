import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type Action,
  decodeCourse,
  decodeEvent,
  type EntityView,
  encodeCourse,
  inputSignatureMessage,
  positionAt,
} from '../../world/codec.ts'
import {
  fakeSignature,
  hexEntries,
  LOG,
  ORIGIN,
  playerKey,
  type Stage,
  sessionOf,
  stageOf,
} from './support.ts'

const NOWHERE = '0'.repeat(32)
const move = (vxMmPerTick: number, vyMmPerTick: number): Action => ({
  kind: 'move',
  vxMmPerTick,
  vyMmPerTick,
})

const place = ({ world }: Stage, id: string) => positionAt(world.entity(id)!.motion, world.tick)

/** Walks there in straight lines, to the millimetre. */
function walkTo(stage: Stage, player: number, id: string, to: { xMm: number; yMm: number }): void {
  for (let leg = 0; leg < 100; leg++) {
    const at = place(stage, id)
    const dx = to.xMm - at.xMm
    const dy = to.yMm - at.yMm
    if (dx === 0 && dy === 0) return
    const ticks = Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)) / 480)
    assert.equal(stage.ask(player, move(Math.trunc(dx / ticks), Math.trunc(dy / ticks))).code, 'ok')
    stage.tickTo(stage.world.tick + ticks)
    stage.send(player, move(0, 0))
  }
  assert.fail('did not arrive')
}

function resourceNear(stage: Stage, id: string): Extract<EntityView, { kind: 'resource' }> {
  const at = place(stage, id)
  const far = (entity: EntityView) => Math.hypot(entity.motion.xMm - at.xMm, entity.motion.yMm - at.yMm)
  const found = [...stage.world.entities()]
    .filter(entity => entity.kind === 'resource')
    .sort((a, b) => far(a) - far(b))
  return found[0]!
}

describe('moving', () => {
  it('keeps course and speed between ticks, exactly, and stops on demand', () => {
    const stage = stageOf()
    const id = stage.enter(1)
    const from = place(stage, id)
    assert.equal(stage.ask(1, move(494, -494)).code, 'ok')
    assert.deepEqual(stage.tickTo(37).changed, [], 'a tick does not touch what merely moves')
    assert.deepEqual(place(stage, id), { xMm: from.xMm + 37 * 494, yMm: from.yMm - 37 * 494 })
    stage.ask(1, move(0, 0))
    stage.tickTo(50)
    assert.deepEqual(place(stage, id), { xMm: from.xMm + 37 * 494, yMm: from.yMm - 37 * 494 })
  })

  it('is refused above seven metres a second, in any direction', () => {
    const stage = stageOf()
    stage.enter(1)
    assert.equal(stage.ask(1, move(700, 0)).code, 'ok')
    assert.equal(stage.ask(1, move(0, -701)).code, 'too-fast')
    assert.equal(stage.ask(1, move(495, 496)).code, 'too-fast')
    assert.equal(stage.ask(1, move(-32768, -32768)).code, 'too-fast')
  })

  it('ends at the border, within one step of it, and goes no further', () => {
    const stage = stageOf()
    const id = stage.enter(1)
    stage.ask(1, move(700, 0))
    const { untilTick } = stage.world.entity(id)!.motion
    assert.deepEqual(stage.tickTo(untilTick).changed, [id])
    const { xMm } = place(stage, id)
    assert.ok(xMm < 0 && xMm >= -700, `${xMm}`)
    assert.equal(stage.world.needsTick(), false)
    assert.equal(stage.ask(1, move(700, 0)).code, 'at-border')
    assert.equal(stage.ask(1, move(-700, 0)).code, 'ok')
  })
})

describe('gathering', () => {
  const stageWithResource = () => {
    const stage = stageOf({ resourceCount: 40 })
    const id = stage.enter(1)
    const resource = resourceNear(stage, id)
    return { stage, id, resource }
  }

  it('takes one item within reach, then needs a second', () => {
    const { stage, id, resource } = stageWithResource()
    const gather: Action = { kind: 'gather', resource: resource.id }
    assert.equal(stage.ask(1, gather).code, 'out-of-reach')
    walkTo(stage, 1, id, { xMm: resource.motion.xMm + 3000, yMm: resource.motion.yMm })
    const applied = stage.send(1, gather)
    assert.deepEqual([applied.outcome!.code, applied.outcome!.value], ['ok', 1])
    const event = decodeEvent(applied.events[0]!)!
    assert.equal(event.kind === 'gathered' && event.resource, resource.id)
    const cooldown = stage.ask(1, gather)
    assert.deepEqual([cooldown.code, cooldown.value], ['cooldown', stage.world.tick + 10])
    stage.tickTo(stage.world.tick + 10)
    assert.equal(stage.ask(1, gather).code, 'ok')
    assert.equal(stage.ask(1, { kind: 'gather', resource: NOWHERE }).code, 'unknown-target')
    assert.equal(stage.ask(1, { kind: 'gather', resource: id }).code, 'wrong-kind')
    walkTo(stage, 1, id, { xMm: resource.motion.xMm + 3001, yMm: resource.motion.yMm })
    stage.tickTo(stage.world.tick + 10)
    assert.equal(stage.ask(1, gather).code, 'out-of-reach')
  })

  it('empties a resource, which grows again by one every five seconds and not beyond its capacity', () => {
    const { stage, id, resource } = stageWithResource()
    walkTo(stage, 1, id, resource.motion)
    const gather: Action = { kind: 'gather', resource: resource.id }
    const start = stage.world.tick
    let taken = 0
    while (stage.ask(1, gather).code === 'ok') {
      taken++
      stage.tickTo(stage.world.tick + 10)
    }
    assert.equal(taken, 20 + Math.floor((stage.world.tick - start) / 50))
    assert.equal(stage.world.outcomeOf(playerKey(1), sessionOf(1), stage.seqs.get('1/1')!)?.code, 'empty')
    stage.tickTo(stage.world.tick + 50)
    assert.equal(stage.ask(1, gather).code, 'ok')
    stage.tickTo(stage.world.tick + 100_000)
    stage.ask(1, { kind: 'spawn', name: 'again' })
    assert.equal(stage.ask(1, gather).code, 'ok')
    const after = stage.world.entity(resource.id)!
    assert.equal(after.kind === 'resource' && after.stock, 19)
  })

  it('ends when a character carries fifty items', () => {
    const { stage, id, resource } = stageWithResource()
    walkTo(stage, 1, id, resource.motion)
    for (let i = 0; i < 50; i++) {
      assert.equal(stage.ask(1, { kind: 'gather', resource: resource.id }).code, 'ok')
      stage.tickTo(stage.world.tick + 50)
    }
    assert.equal(stage.ask(1, { kind: 'gather', resource: resource.id }).code, 'inventory-full')
  })
})

describe('looking', () => {
  const course = (target: string): Action => ({ kind: 'look', target, aspect: 0 })

  it("tells anybody's course as the log has it, and nothing of it changes", () => {
    const stage = stageOf()
    const runner = stage.enter(1)
    stage.enter(2)
    assert.deepEqual(stage.ask(2, course(runner)).value, 0)
    stage.ask(1, move(-3, 690))
    const applied = stage.send(2, course(runner))
    assert.deepEqual([applied.outcome!.code, applied.outcome!.entity], ['ok', runner])
    assert.deepEqual(decodeCourse(applied.outcome!.value!), { vxMmPerTick: -3, vyMmPerTick: 690 })
    assert.deepEqual([applied.changed, applied.removed, applied.events], [[], [], []])
    stage.tickTo(stage.world.entity(runner)!.motion.untilTick)
    assert.equal(stage.ask(1, course(runner)).value, 0, 'who has arrived at the border stands')
    assert.equal(stage.ask(1, course(NOWHERE)).code, 'unknown-target')
  })

  it('carries every course in one number, and gives it back', () => {
    const i16 = fc.integer({ min: -32768, max: 32767 })
    fc.assert(
      fc.property(i16, i16, (vxMmPerTick, vyMmPerTick) => {
        const value = encodeCourse({ vxMmPerTick, vyMmPerTick })
        assert.deepEqual(decodeCourse(value), { vxMmPerTick, vyMmPerTick })
      }),
    )
  })

  it('counts what a character carries and what a resource still holds', () => {
    const stage = stageOf({ resourceCount: 40 })
    const id = stage.enter(1)
    const { id: resource, motion, item } = resourceNear(stage, id)
    const count = (target: string, of = item) => stage.ask(1, { kind: 'look', target, aspect: 1 + of }).value
    walkTo(stage, 1, id, motion)
    assert.deepEqual([count(id), count(resource)], [0, 20])
    stage.ask(1, { kind: 'gather', resource })
    assert.deepEqual([count(id), count(resource)], [1, 19])
    assert.deepEqual([count(id, 1 - item), count(resource, 1 - item)], [0, 0])
    stage.tickTo(stage.world.tick + 50)
    assert.equal(count(resource), 20)
  })
})

describe('building', () => {
  const CAMPFIRE = 0
  const build = (xMm: number, yMm: number): Action => ({ kind: 'build', structure: CAMPFIRE, xMm, yMm })

  function sendSigned(stage: Stage, action: Action) {
    const seq = stage.seqs.get('1/1')! + 1
    const message = inputSignatureMessage(ORIGIN, {
      player: playerKey(1),
      session: sessionOf(1),
      seq,
      log: LOG,
      action,
    })
    return stage.send(1, action, 1, fakeSignature(playerKey(1), message))
  }

  /** With enough wood for two fires, two metres beside the node that gave it. */
  function stageWithWood() {
    const stage = stageOf({ resourceCount: 40, seed: 3 })
    const id = stage.enter(1)
    const wood = [...stage.world.entities()].find(entity => entity.kind === 'resource' && entity.item === 0)!
    walkTo(stage, 1, id, { xMm: wood.motion.xMm + 2000, yMm: wood.motion.yMm })
    for (let i = 0; i < 7; i++) {
      stage.ask(1, { kind: 'gather', resource: wood.id })
      stage.tickTo(stage.world.tick + 10)
    }
    return { stage, id, wood, ...place(stage, id) }
  }

  it('costs what it costs, stands for good, and is told to all', () => {
    const { stage, id, xMm, yMm } = stageWithWood()
    const applied = sendSigned(stage, build(xMm + 1000, yMm))
    assert.equal(applied.outcome!.code, 'ok')
    const structure = stage.world.entity(applied.outcome!.entity!)!
    assert.deepEqual(
      [structure.kind, structure.birthLeaf, structure.birthOrigin],
      ['structure', applied.outcome!.leaf, ORIGIN],
    )
    assert.deepEqual(applied.changed, [id, structure.id])
    const event = decodeEvent(applied.events[0]!)!
    assert.equal(event.kind === 'built' && event.structureId, structure.id)
    const me = stage.world.entity(id)!
    assert.deepEqual(me.kind === 'character' && me.items, [4, 0])
  })

  it('needs the signature of the player over exactly this input, here', () => {
    const { stage, xMm, yMm } = stageWithWood()
    const before = stage.world.entity(stage.world.characterOf(playerKey(1))!)
    const action = build(xMm + 1000, yMm)
    assert.equal(stage.ask(1, action).code, 'bad-signature')
    const seq = stage.seqs.get('1/1')! + 1
    const elsewhere = { player: playerKey(1), session: sessionOf(1), seq, log: LOG, action }
    for (const message of [
      inputSignatureMessage('testnet/area/0232/0', elsewhere),
      inputSignatureMessage(ORIGIN, { ...elsewhere, seq: elsewhere.seq + 7 }),
      inputSignatureMessage(ORIGIN, { ...elsewhere, action: build(xMm, yMm) }),
    ]) {
      const signature = fakeSignature(playerKey(1), message)
      assert.equal(stage.send(1, action, 1, signature).outcome!.code, 'bad-signature')
    }
    assert.deepEqual(stage.world.entity(before!.id), before)
  })

  it('is refused out of reach, on something else, beside the spawn point, outside the area and without the means', () => {
    const { stage, id, wood, xMm, yMm } = stageWithWood()
    const code = (action: Action) => sendSigned(stage, action).outcome!.code
    assert.equal(code(build(xMm + 5001, yMm)), 'out-of-reach')
    assert.equal(code(build(wood.motion.xMm, wood.motion.yMm + 999)), 'overlap')
    assert.equal(code(build(wood.motion.xMm, wood.motion.yMm + 1000)), 'ok')
    assert.equal(code(build(wood.motion.xMm, wood.motion.yMm + 1999)), 'overlap')
    assert.equal(code(build(wood.motion.xMm, wood.motion.yMm + 2000)), 'ok')
    assert.equal(code(build(xMm + 2000, yMm)), 'not-enough')
    walkTo(stage, 1, id, { xMm: -5_000_000, yMm: 25_000_000 })
    assert.equal(code(build(-5_000_000, 25_000_000)), 'protected')
    walkTo(stage, 1, id, { xMm: -1, yMm: 25_000_000 })
    assert.equal(code(build(-400, 25_000_000)), 'outside-area')
    const before = hexEntries(stage.world).length
    assert.equal(code({ kind: 'build', structure: 2, xMm: 0, yMm: 25_000_000 }), 'outside-area')
    assert.equal(hexEntries(stage.world).length, before)
  })
})
