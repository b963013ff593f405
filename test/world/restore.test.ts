import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeEvent, positionAt } from '../../world/codec.ts'
import type { Applied } from '../../world/interface.ts'
import { createWorld, restoreWorld } from '../../world/world.ts'
import { smallCharter as charter, play, turns } from './play.ts'
import { charterOf, hex, hexEntries, host, Stage } from './support.ts'

describe('a world that is restored', function () {
  this.timeout(20_000)

  it('goes on exactly as the one that was not, through everything that can happen', () => {
    const happened = new Set<string>()
    fc.assert(
      fc.property(turns(60), fc.integer({ min: 1, max: 9 }), (turns, every) => {
        const straight = new Stage(createWorld(host, charter))
        const restored = new Stage(createWorld(host, charter))
        const told: Applied[] = []
        for (const turn of turns) play(straight, turn, applied => told.push(applied))
        let index = 0
        for (const turn of turns) {
          play(restored, turn, applied => {
            assert.deepEqual(applied, told[index++])
            if (index % every === 0) restored.world = restoreWorld(host, charter, restored.world.entries())
          })
        }
        assert.equal(index, told.length)
        assert.equal(restored.world.needsTick(), straight.world.needsTick())
        assert.deepEqual(hexEntries(restored.world), hexEntries(straight.world))
        for (const { events, outcome } of told) {
          if (outcome) happened.add(outcome.code)
          for (const event of events) happened.add(decodeEvent(event)!.kind)
        }
      }),
      { numRuns: 15, seed: 1 },
    )
    const wanted = [
      'spawned',
      'left',
      'gathered',
      'built',
      'strike-announced',
      'strike-landed',
      'died',
      'respawned',
    ]
    assert.deepEqual(
      wanted.filter(kind => !happened.has(kind)),
      [],
    )
  })

  it('is told of by takeDirty, which sums up to exactly what entries() holds', () => {
    fc.assert(
      fc.property(turns(40), fc.integer({ min: 1, max: 30 }), (turns, every) => {
        const stage = new Stage(createWorld(host, charter))
        const store = new Map<string, string>()
        const drain = () => {
          const dirty = stage.world
            .takeDirty()
            .map(({ key, value }) => ({ key: hex(key), value: value && hex(value) }))
          const keys = dirty.map(({ key }) => key)
          assert.deepEqual(keys, [...new Set(keys)].sort())
          for (const { key, value } of dirty) {
            if (value) store.set(key, value)
            else assert.ok(store.delete(key), 'what was never stored is never deleted')
          }
        }
        let index = 0
        for (const turn of turns) {
          play(stage, turn, () => {
            if (index++ % every === 0) drain()
          })
        }
        drain()
        assert.deepEqual([...store].map(([key, value]) => `${key}=${value}`).sort(), hexEntries(stage.world))
        assert.deepEqual(stage.world.takeDirty(), [])
      }),
      { numRuns: 12 },
    )
  })

  it('lets a runner that stopped late fall asleep at the same tick', () => {
    const far = charterOf()
    const asleepAt = (restoreAt: number): number => {
      const stage = new Stage(createWorld(host, far))
      stage.enter(1)
      stage.ask(1, { kind: 'move', vxMmPerTick: 500, vyMmPerTick: 0 })
      for (let tick = 1; tick < 20_000; tick += 1) {
        stage.tickTo(tick)
        if (tick === 4000) stage.ask(1, { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 })
        if (tick === restoreAt) stage.world = restoreWorld(host, far, stage.world.entries())
        if (stage.world.awakeCount === 0) return tick
      }
      return 0
    }
    assert.deepEqual([0, 3500, 4001, 6999].map(asleepAt), [7000, 7000, 7000, 7000])
  })

  it('lets a fighter fall asleep, and the dead not, at the same tick', () => {
    const far = charterOf({ sideMm: 100_000, spawns: [{ xMm: -9_950_000, yMm: 20_050_000 }] })
    const events = (restoreEvery: number): string[] => {
      const stage = new Stage(createWorld(host, far))
      const ids = [1, 2].map(player => stage.enter(player))
      stage.tickTo(2900)
      stage.ask(1, { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 })
      for (let leg = 0; leg < 3; leg++) {
        const at = ids.map(id => positionAt(stage.world.entity(id)!.motion, stage.world.tick))
        const v = [(at[0]!.xMm - at[1]!.xMm) / 100, (at[0]!.yMm - at[1]!.yMm) / 100].map(Math.trunc)
        stage.ask(2, { kind: 'move', vxMmPerTick: v[0]!, vyMmPerTick: v[1]! })
        stage.tickTo(stage.world.tick + 100)
        stage.ask(2, { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 })
      }
      const told: string[] = []
      for (let tick = 3201; tick < 7000; tick++) {
        for (const event of stage.tickTo(tick).events) told.push(hex(event))
        if (tick < 3600) stage.ask(2, { kind: 'strike', target: ids[0]! })
        if (tick % restoreEvery === 0) stage.world = restoreWorld(host, far, stage.world.entries())
      }
      return told
    }
    const straight = events(1e9)
    assert.ok(straight.length > 20)
    for (const every of [1, 7]) assert.deepEqual(events(every), straight)
  })

  it('is refused when an entry is missing, broken or strange', () => {
    const stage = new Stage(createWorld(host, charter))
    stage.enter(1)
    const entries = [...stage.world.entries()]
    for (let i = 0; i < entries.length; i++) {
      assert.throws(() => restoreWorld(host, charter, entries.toSpliced(i, 1)), { code: 'bad-state' })
      const cut = { key: entries[i]!.key, value: entries[i]!.value.subarray(1) }
      assert.throws(() => restoreWorld(host, charter, entries.with(i, cut)), { code: 'bad-state' })
    }
    const strange = { key: Uint8Array.of(0x7a), value: new Uint8Array(4) }
    assert.throws(() => restoreWorld(host, charter, [...entries, strange]), { code: 'bad-state' })
  })
})
