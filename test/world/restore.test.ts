import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeEvent } from '../../world/codec.ts'
import { type Applied, createWorld, restoreWorld } from '../../world/world.ts'
import { smallCharter as charter, play, turns } from './play.ts'
import { hex, hexEntries, host, Stage } from './support.ts'

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
