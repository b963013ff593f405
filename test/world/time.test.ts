import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { encodeTick, positionAt } from '../../world/codec.ts'
import { type Due, DueQueue } from '../../world/due-queue.ts'
import { TICK_RECORD } from '../../world/interface.ts'
import { createWorld } from '../../world/world.ts'
import { play, smallCharter, type Turn } from './play.ts'
import { charterOf, hexEntries, host, Stage, stageOf } from './support.ts'

/** Eighty turns out of a generator of its own, so that no package's new version changes what is pinned below. */
function scripted(game: number): Turn[] {
  const kinds = ['enter', 'run', 'hunt', 'harvest', 'hunt', 'harvest', 'build', 'pause', 'leave'] as const
  let state = game
  const below = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % limit
  }
  return Array.from({ length: 80 }, (_, index) => ({
    player: below(4),
    session: below(15) === 0 ? 2 : 1,
    kind: index < 6 ? 'enter' : kinds[below(kinds.length)]!,
    a: below(1001) - 500,
    b: below(1001) - 500,
  }))
}

describe('time in an area', function () {
  this.timeout(20_000)

  it('only goes forward, and may jump', () => {
    const stage = stageOf()
    assert.equal(stage.tickTo(10).ignored, undefined)
    assert.deepEqual(stage.tickTo(10).ignored, { code: 'stale-tick' })
    assert.deepEqual(stage.tickTo(3).ignored, { code: 'stale-tick' })
    const late = encodeTick({ tick: 11, timeMs: 5 })
    assert.deepEqual(stage.world.apply(TICK_RECORD, late.subarray(1), 9).ignored, { code: 'malformed' })
    stage.tickTo(1_000_000)
    assert.deepEqual([stage.world.tick, stage.world.timeMs], [1_000_000, 100_000_000])
  })

  it('stands still in an area where nobody is, whatever lives there', () => {
    const stage = stageOf({ npcCount: 50, resourceCount: 50 })
    assert.equal(stage.world.needsTick(), false)
    assert.deepEqual(stage.tickTo(500).changed, [])
    stage.enter(1)
    assert.equal(stage.world.needsTick(), true)
  })

  it('lets NPCs live while somebody is awake, each thinking at most once a second, and come to rest after', () => {
    const stage = stageOf({ npcCount: 60 })
    stage.enter(1)
    const walked = new Set<string>()
    for (let second = 0; second < 30; second++) {
      const changes = new Map<string, number>()
      for (let i = 0; i < 10; i++) {
        for (const id of stage.tickTo(stage.world.tick + 1).changed) {
          changes.set(id, (changes.get(id) ?? 0) + 1)
          walked.add(id)
        }
      }
      assert.ok(
        [...changes.values()].every(count => count <= 2),
        'a thought and an arrival',
      )
    }
    assert.ok(walked.size > 30)
    stage.ask(1, { kind: 'leave' })
    stage.tickTo(stage.world.tick + 60)
    assert.equal(stage.world.needsTick(), false)
  })

  it('lets an NPC think once after a jump, and not for every second that was missed', () => {
    const stage = stageOf({ npcCount: 60 })
    stage.enter(1)
    stage.tickTo(100)
    stage.tickTo(1100)
    const since = [...stage.world.entities()]
      .filter(({ kind }) => kind === 'npc')
      .map(({ motion }) => motion.sinceTick)
    assert.ok(since.some(tick => tick > 1090))
    assert.ok(since.every(tick => tick > 1090 || tick <= 160))
  })

  it('brings an NPC that is struck to fight back or to flee', () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 12; seed++) {
      const stage = stageOf({
        npcCount: 1,
        seed,
        sideMm: 100_000,
        spawns: [{ xMm: -9_950_000, yMm: 20_050_000 }],
      })
      const me = stage.enter(1)
      const npc = [...stage.world.entities()].find(entity => entity.kind === 'npc')!
      for (let round = 0; round < 40; round++) {
        const from = positionAt(stage.world.entity(me)!.motion, stage.world.tick)
        const to = positionAt(stage.world.entity(npc.id)!.motion, stage.world.tick)
        const far = Math.max(Math.abs(to.xMm - from.xMm), Math.abs(to.yMm - from.yMm), 480)
        const v = (delta: number) => Math.trunc((delta * 480) / far)
        stage.send(1, { kind: 'move', vxMmPerTick: v(to.xMm - from.xMm), vyMmPerTick: v(to.yMm - from.yMm) })
        stage.send(1, { kind: 'strike', target: npc.id })
        stage.tickTo(stage.world.tick + Math.max(1, Math.min(10, Math.floor(far / 480))))
        const now = stage.world.entity(npc.id)!
        if (now.kind !== 'npc') continue
        if (now.strike?.target === me) seen.add('fought back')
        if (now.mood?.kind === 'flee' && now.motion.vxMmPerTick !== 0) seen.add('fled')
      }
    }
    assert.deepEqual([...seen].sort(), ['fled', 'fought back'])
  })

  it('runs what is due in (tick, id) order however it was put in', () => {
    const operation = fc.record({
      id: fc.nat({ max: 20 }),
      tick: fc.option(fc.nat({ max: 50 }), { nil: Number.POSITIVE_INFINITY }),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), operations => {
        const queue = new DueQueue<Due>()
        const items = Array.from({ length: 21 }, (_, n) => ({
          dueId: String.fromCharCode(97 + n),
          dueTick: 0,
          dueIndex: -1,
        }))
        const model = new Map<string, number>()
        for (const { id, tick } of operations) {
          const item = items[id]!
          queue.schedule(item, tick)
          if (tick === Number.POSITIVE_INFINITY) model.delete(item.dueId)
          else model.set(item.dueId, tick)
        }
        const out: [string, number][] = []
        while (queue.size > 0) {
          const first = queue.first()!
          out.push([first.dueId, first.dueTick])
          queue.remove(first)
        }
        const wanted = [...model].sort(([a, s], [b, t]) => s - t || (a < b ? -1 : 1))
        assert.deepEqual(out, wanted)
      }),
    )
  })
})

describe('the rules, version 1', function () {
  this.timeout(20_000)

  it('give the bytes that they always gave: a change here is a new version', () => {
    const hash = createHash('sha256')
    for (let game = 1; game <= 6; game++) {
      const stage = new Stage(createWorld(host, smallCharter))
      for (const turn of scripted(game)) {
        play(stage, turn, ({ events }) => {
          for (const event of events) hash.update(event)
        })
      }
      for (const entry of hexEntries(stage.world)) hash.update(entry)
    }
    assert.equal(hash.digest('hex'), 'bb9f07810d2d8b9c4d316742909af5adb66fba9d967335a565ec8d95498b59d7')
  })

  it('refuse a charter that could not be kept', () => {
    const wrong = [
      { sideMm: 1.5 },
      { sideMm: 200_000_000 },
      { seed: -1 },
      { npcCount: 1e9 },
      { capacity: 0 },
      { spawns: [] },
      { spawns: [{ xMm: 0, yMm: 0 }] },
    ]
    for (const changes of wrong)
      assert.throws(() => createWorld(host, charterOf(changes)), { code: 'bad-charter' })
    assert.throws(() => createWorld({ ...host, origin: 'a b' }, charterOf()), { code: 'bad-charter' })
  })

  it('place what the charter says, the same everywhere, with free ground around the spawn points', () => {
    const charter = charterOf({ resourceCount: 300, npcCount: 100 })
    const world = createWorld(host, charter)
    assert.deepEqual(hexEntries(world), hexEntries(createWorld(host, charter)))
    assert.notDeepEqual(hexEntries(world), hexEntries(createWorld(host, { ...charter, seed: 8 })))
    const counts = { resource: 0, npc: 0, character: 0, structure: 0 }
    for (const { kind, motion } of world.entities()) {
      counts[kind]++
      assert.ok(Math.hypot(motion.xMm + 5_000_000, motion.yMm - 25_000_000) > 30_000)
    }
    assert.deepEqual(counts, { resource: 300, npc: 100, character: 0, structure: 0 })
  })
})
