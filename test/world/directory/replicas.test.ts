import assert from 'node:assert/strict'
import fc from 'fast-check'
import { restoreDirectory } from '../../../world/directory/directory.ts'
import { INPUT_RECORD, TICK_RECORD } from '../../../world/interface.ts'
import { isConsumed } from '../../../world/reasons.ts'
import { Player, turns } from './play.ts'
import { charterOf, hex, hexEntries, host, Stage } from './support.ts'

const charter = charterOf()

function restored(stage: Stage): void {
  stage.directory = restoreDirectory(host, charter, stage.directory.entries())
}

describe('the directory on several replicas', function () {
  this.timeout(30_000)

  it('is the same everywhere, restored in between or not, through everything that can happen', () => {
    const happened = new Map<string, number>()
    fc.assert(
      fc.property(turns(150), fc.integer({ min: 1, max: 9 }), (turns, every) => {
        const straight = new Player(new Stage().open(1, 2, 3, 4))
        const other = new Player(new Stage().open(1, 2, 3, 4))
        turns.forEach((turn, i) => {
          const applied = straight.play(turn)
          assert.deepEqual(other.play(turn), applied)
          const what = applied.outcome?.code ?? applied.ignored?.code ?? 'tick'
          happened.set(what, (happened.get(what) ?? 0) + 1)
          if (i % every === 0) restored(other.stage)
        })
        assert.equal(other.stage.directory.needsTick(), straight.stage.directory.needsTick())
        assert.deepEqual(hexEntries(other.stage.directory), hexEntries(straight.stage.directory))
      }),
      { numRuns: 12, seed: 1 },
    )
    const wanted = [
      ...[
        'tick',
        'ok',
        'malformed',
        'duplicate',
        'forged',
        'not-admitted',
        'banned',
        'no-session',
        'known-node',
      ],
      ...[
        'bad-certificate',
        'older-anchor',
        'rival-anchor',
        'no-quorum',
        'nonce-used',
        'cooldown',
        'tile-held',
      ],
    ]
    assert.deepEqual(
      wanted.filter(code => !happened.has(code)),
      [],
    )
  })

  it('is told of by takeDirty, which sums up to exactly what entries() holds', () => {
    fc.assert(
      fc.property(turns(100), fc.integer({ min: 1, max: 30 }), (turns, every) => {
        const player = new Player(new Stage().open(1, 2))
        const store = new Map<string, string>()
        const drain = (): void => {
          const dirty = player.stage.directory.takeDirty()
          const keys = dirty.map(({ key }) => hex(key))
          assert.deepEqual(keys, [...new Set(keys)].sort())
          for (const { key, value } of dirty) {
            if (value) store.set(hex(key), hex(value))
            else assert.ok(store.delete(hex(key)), 'what is deleted was told of')
          }
        }
        turns.forEach((turn, i) => {
          player.play(turn)
          if (i % every === 0) drain()
        })
        drain()
        const kept = [...store].map(([key, value]) => `${key}=${value}`).sort()
        assert.deepEqual(hexEntries(player.stage.directory), kept)
      }),
      { numRuns: 10, seed: 2 },
    )
  })

  it('changes nothing by an input that has no place', () => {
    fc.assert(
      fc.property(turns(80), turns => {
        const player = new Player(new Stage().open(1, 2))
        for (const turn of turns) {
          const before = hexEntries(player.stage.directory)
          const { outcome, ignored, changed } = player.play(turn)
          if (ignored === undefined && (outcome === undefined || isConsumed(outcome.code))) continue
          assert.deepEqual(changed, [])
          assert.deepEqual(hexEntries(player.stage.directory), before)
        }
      }),
      { numRuns: 8, seed: 3 },
    )
  })

  it('proposes nothing that would have no place: check refuses only such inputs, and never throws', () => {
    fc.assert(
      fc.property(turns(80), fc.nat({ max: 400 }), fc.nat({ max: 255 }), (turns, at, to) => {
        const player = new Player(new Stage().open(1, 2))
        for (const turn of turns) {
          player.play(turn)
          const body = player.stage.bodyOf(turn.node, { kind: 'want', quadkey: '1111' })
          const bent = turn.b < 128 ? body.with(at % body.length, to) : body
          const { directory } = player.stage
          const refusal = directory.check(bent)
          if (refusal === undefined) continue
          const { outcome, ignored } = directory.apply(INPUT_RECORD, bent, player.stage.leaf++)
          if (ignored !== undefined) assert.deepEqual(refusal, ignored)
          else assert.ok(!isConsumed(outcome!.code))
        }
      }),
      { numRuns: 8, seed: 4 },
    )
  })

  it('takes no noise for anything, of whatever kind of record', () => {
    const stage = new Stage().open(1)
    const before = hexEntries(stage.directory)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000, size: 'max' }), fc.nat({ max: 9 }), (noise, kind) => {
        if (kind === TICK_RECORD && noise.length < 19) return
        const { ignored, outcome } = stage.directory.apply(kind, noise, stage.leaf++)
        if (kind === INPUT_RECORD) assert.ok(ignored !== undefined && outcome === undefined)
        stage.directory.check(noise)
        stage.directory.lastSeq(noise, noise, 32)
        stage.directory.outcomeOf(noise, noise, 1)
      }),
      { numRuns: 300 },
    )
    assert.deepEqual(hexEntries(stage.directory), before)
  })

  it('is not restored from what it would not have written: missing, doubled, strange or bent entries', () => {
    const player = new Player(new Stage().open(1, 2))
    for (const turn of fc.sample(turns(100), { numRuns: 1, seed: 5 })[0]!) player.play(turn)
    const entries = [...player.stage.directory.entries()]
    const restore = (of: typeof entries) => restoreDirectory(host, charter, of)
    assert.deepEqual(hexEntries(restore([...entries].reverse())), hexEntries(player.stage.directory))
    const bad = { code: 'bad-state' }
    for (const prefix of ['d', 'y', 'o'])
      assert.throws(() => restore(entries.filter(({ key }) => key[0] !== prefix.charCodeAt(0))), bad)
    assert.throws(() => restore([...entries, entries[0]!]), bad)
    assert.throws(() => restore([...entries, { key: Uint8Array.of(0x78), value: new Uint8Array(1) }]), bad)
    for (const { key, value } of entries) {
      const others = entries.filter(entry => entry.key !== key)
      assert.throws(() => restore([...others, { key, value: value.subarray(1) }]), bad)
    }
  })
})
