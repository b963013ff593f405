import assert from 'node:assert/strict'
import { decodeOrder, encodeOrder, orderKey } from '../../../consensus/handover/inherit.ts'
import { decodeRecord, encodeRecord } from '../../../consensus/handover/record.ts'
import type { Shown } from '../../../consensus/handover/shown.ts'
import { HandoverState } from '../../../consensus/handover/state.ts'
import { Area, cargo, named } from './area.ts'

/** Falls to the first half of a split; and one that falls to the second. */
const even = '02'.repeat(16)
const odd = '03'.repeat(16)

describe('a handover', () => {
  it('takes an entity over with its session, and leaves nothing behind once both sides have seen the end', () => {
    const source = new Area('a').found([even])
    const target = new Area('b')
    const id = source.lock(even, target)
    assert.ok(!source.estate.has(even))
    assert.equal(target.hear('accept', source, id), undefined)
    assert.deepEqual(target.estate.take(even), cargo())
    assert.equal(source.hear('release', target, id), undefined)
    assert.equal(source.state.released.about(even)?.target, target.self)
    assert.equal(target.hear('forget', source, id), undefined)
    assert.equal(source.hear('settle', target, id), undefined)
    const { locks, released } = source.state
    assert.deepEqual([locks.size, released.size, target.state.accepts.size], [0, 0, 0])
    assert.equal(target.state.outcomeOf(target.self, id), 'declined')
  })

  it('that is refused gives the entity back as it was, and its id never comes to life again', () => {
    const source = new Area('a').found([even])
    const target = new Area('b')
    const id = source.lock(even, target)
    const late = source.show('locked', id)
    assert.equal(target.hear('refuse', source, id), undefined)
    assert.equal(source.hear('release', target, id), 'not-proven')
    assert.equal(source.hear('unlock', target, id), undefined)
    assert.equal(target.apply({ kind: 'accept', id, shown: late }), 'decided')
    assert.equal(source.lock(even, target).n, 2)
    assert.deepEqual(source.state.locks.get({ ...id, n: 2 })?.cargo, cargo())
  })

  it('is not taken back because time has passed, nor by a state in which the target has not decided', () => {
    const source = new Area('a').found([even])
    const target = new Area('b').found([odd])
    const id = source.lock(even, target)
    assert.equal(source.hear('unlock', target, id), 'not-proven')
    assert.ok(source.state.locks.has(id))
  })

  it('that was accepted stays accepted when a later one is refused: the watermark speaks of no accept', () => {
    const source = new Area('a').found([even, odd])
    const target = new Area('b')
    const first = source.lock(even, target)
    const second = source.lock(odd, target)
    assert.equal(target.hear('accept', source, first), undefined)
    assert.equal(target.hear('refuse', source, second), undefined)
    assert.equal(target.state.outcomeOf(target.self, first), 'accepted')
    assert.equal(source.hear('unlock', target, first), 'not-proven')
    assert.equal(source.hear('unlock', target, second), undefined)
    assert.equal(source.hear('release', target, first), undefined)
  })

  it('is not accepted a second time by a late copy of its lock, after the accept was forgotten', () => {
    const source = new Area('a').found([even])
    const target = new Area('b')
    const id = source.lock(even, target)
    const late = source.show('locked', id)
    target.hear('accept', source, id)
    source.hear('release', target, id)
    target.hear('forget', source, id)
    assert.equal(target.apply({ kind: 'accept', id, shown: late }), 'decided')
  })
})

describe('a word of another authority', () => {
  const source = new Area('speaker').found([even])
  const target = new Area('hearer')
  const id = source.lock(even, target)
  const refusals: readonly [string, () => Shown][] = [
    ['whose certificate lacks a vote', () => source.show('locked', id, source.certify(true, 2))],
    ['that the directory does not have yet', () => source.show('locked', id, source.certify(false))],
    [
      'under the certificate of somebody else',
      () => source.show('locked', id, new Area('somebody else').certify()),
    ],
    ['of bytes that are no certificate', () => source.show('locked', id, Uint8Array.of(1, 2, 3))],
    [
      'whose entry was changed',
      () => {
        const shown = source.show('locked', id)
        const [{ key, value, path }] = [shown.parts[0]!]
        const other = value!.slice()
        other[other.length - 1]! ^= 1
        return { ...shown, parts: [{ key, value: other, path }] }
      },
    ],
    ['that shows nothing', () => ({ ...source.show('locked', id), parts: [] })],
    ['that speaks of another handover', () => source.show('accepted', id)],
  ]

  for (const [what, shown] of refusals) {
    it(`${what} changes nothing`, () => {
      assert.equal(target.apply({ kind: 'accept', id, shown: shown() }), 'not-proven')
      assert.ok(!target.estate.has(even) && target.state.accepts.size === 0)
    })
  }
})

describe('a split', () => {
  it('is answered for by nobody whom the directory does not name, whatever his state says', () => {
    const { other, whole, coming } = split()
    const rogue = new Area('rogue')
    rogue.state.inherited.set(whole.self, true)
    rogue.state.accepts.set(coming, even)
    rogue.found([])
    assert.equal(other.hear('release', rogue, coming), 'not-proven')
  })

  /** One entity has come in, one is on its way out, one on its way in. */
  function split() {
    const whole = new Area('whole').found([odd])
    const other = new Area('other').found([even, '04'.repeat(16)])
    const came = other.lock(even, whole)
    assert.equal(whole.hear('accept', other, came), undefined)
    const leaving = whole.lock(odd, other)
    const coming = other.lock('04'.repeat(16), whole)
    const halves = [new Area('half 0', [whole]), new Area('half 1', [whole])] as const
    const successors = halves.map(({ self }) => self)
    assert.equal(whole.apply({ kind: 'close', successors }), undefined)
    assert.equal(whole.hear('accept', other, coming), 'ended')
    for (const half of halves) assert.equal(half.inherit(whole), undefined)
    return { whole, other, halves, came, leaving, coming }
  }

  it('gives each half its entities and locks, and both all accepts', () => {
    const { halves, came, leaving } = split()
    assert.deepEqual(
      halves.map(({ estate }) => estate.entities()),
      [[even], []],
    )
    assert.deepEqual(
      halves.map(({ state }) => state.locks.has(leaving)),
      [false, true],
    )
    assert.deepEqual(
      halves.map(({ state }) => state.accepts.has(came)),
      [true, true],
    )
  })

  it('refuses what the whole had not accepted: neither half decides it', () => {
    const { other, halves, coming } = split()
    const shown = other.show('locked', coming)
    for (const half of halves) assert.equal(half.apply({ kind: 'accept', id: coming, shown }), 'not-mine')
    assert.equal(other.hear('unlock', halves[1], coming), undefined)
  })

  it('lets either half answer for what the whole had accepted, and never as refused', () => {
    const { other, halves, came } = split()
    assert.equal(other.hear('unlock', halves[1], came), 'not-proven')
    assert.equal(other.hear('release', halves[1], came), undefined)
  })

  it('lets the half with the lock finish the handover under its first id', () => {
    const { other, halves, leaving } = split()
    assert.equal(other.hear('accept', halves[1], leaving), undefined)
    assert.equal(halves[1].hear('release', other, leaving), undefined)
    assert.equal(other.hear('forget', halves[1], leaving), undefined)
  })
})

describe('a successor', () => {
  it('of siblings does nothing before it has all that all of them left', () => {
    const siblings = [new Area('left').found([even]), new Area('right').found([odd])] as const
    const far = new Area('far')
    const merged = new Area('merged', siblings)
    for (const sibling of siblings) sibling.apply({ kind: 'close', successors: [merged.self] })
    assert.equal(merged.inherit(siblings[0]), undefined)
    assert.equal(merged.apply({ kind: 'lock', entity: even, target: far.self }), 'not-ready')
    assert.equal(merged.apply({ kind: 'close', successors: [far.self] }), 'not-ready')
    assert.equal(merged.inherit(siblings[1]), undefined)
    assert.equal(merged.inherit(siblings[1]), 'not-awaited')
    merged.lock(odd, far)
  })

  it('of siblings finishes a handover between them, in either order', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const siblings = [new Area('left').found([even]), new Area('right')] as const
      const merged = new Area('merged', siblings)
      const id = siblings[0].lock(even, siblings[1])
      siblings[1].hear('accept', siblings[0], id)
      for (const sibling of siblings) sibling.apply({ kind: 'close', successors: [merged.self] })
      for (const i of order) assert.equal(merged.inherit(siblings[i]), undefined)
      assert.equal(merged.hear('unlock', merged, id), 'not-proven')
      assert.equal(merged.hear('release', merged, id), undefined)
      assert.equal(merged.hear('forget', merged, id), undefined)
      assert.deepEqual(merged.estate.entities(), [even])
    }
  })

  it('takes only the whole state that was sealed, from a predecessor that named it', () => {
    const whole = new Area('whole').found([even, odd])
    const heir = new Area('heir', [whole])
    const stranger = new Area('stranger', [whole])
    const early = {
      kind: 'inherit' as const,
      predecessor: whole.self,
      final: whole.certify(),
      order: undefined,
    }
    assert.equal(heir.apply(early, whole.entries()), 'not-successor')
    whole.apply({ kind: 'close', successors: [heir.self] })
    const record = { ...early, final: whole.certify() }
    const entries = whole.entries()
    assert.equal(heir.apply(record), 'no-payload')
    assert.equal(heir.apply(record, entries.slice(1)), 'no-payload')
    assert.equal(heir.apply(record, [...entries, entries[0]!]), 'no-payload')
    assert.equal(stranger.apply(record, entries), 'not-successor')
    assert.equal(heir.apply(record, entries), undefined)
  })

  it('of an authority that is dark for good goes by the order of the directory, at the height that it names', () => {
    const dark = new Area('dark').found([even])
    const heir = new Area('heir', [dark])
    const directory = new Area('directory')
    const ordered = (height: number): Shown => {
      directory.set(orderKey(dark.self), encodeOrder({ height, successors: [heir.self] }))
      return { final: directory.certify(), parts: [directory.prove(orderKey(dark.self))] }
    }
    assert.equal(heir.inherit(dark), 'not-successor')
    assert.equal(heir.inherit(dark, ordered(9)), 'not-successor')
    assert.equal(heir.inherit(dark, ordered(3)), undefined)
    assert.ok(heir.estate.has(even))
    assert.equal(decodeOrder(encodeOrder({ height: 1, successors: [] })), undefined)
  })
})

describe('the state of handovers', () => {
  /** Something of every kind. */
  function busy(): Area {
    const source = new Area('a').found([even, odd])
    const target = new Area('b').found(['04'.repeat(16)])
    const id = source.lock(even, target)
    target.hear('accept', source, id)
    source.hear('release', target, id)
    target.hear('refuse', source, source.lock(odd, target))
    target.lock('04'.repeat(16), source)
    return target
  }

  it('is its entries: a state restored from them has the same, and goes on alike', () => {
    const area = busy()
    const restored = new HandoverState()
    const entries = area.entries().filter(({ key }) => key[0] === 0x68)
    for (const { key, value } of entries) assert.ok(restored.put(key, value))
    assert.deepEqual(restored.takeChanges(), [])
    for (const [own, other] of [
      [area.state.locks, restored.locks],
      [area.state.accepts, restored.accepts],
      [area.state.watermarks, restored.watermarks],
      [area.state.issued, restored.issued],
    ] as const)
      assert.deepEqual([...other.entries()], [...own.entries()])
  })

  it('comes out the same when its records are replayed from their bytes', () => {
    const area = busy()
    const again = new Area('b').found(['04'.repeat(16)])
    for (const record of area.records) again.apply(decodeRecord(encodeRecord(record))!)
    assert.deepEqual(again.root(), area.root())
  })

  it('takes no entry that is not written as it writes it', () => {
    const state = new HandoverState()
    for (const { key, value } of busy().entries()) {
      if (key[0] !== 0x68) continue
      assert.ok(!state.put(key, Uint8Array.of(...value!, 0)))
      assert.ok(!state.put(Uint8Array.of(...key, 0), value))
    }
    assert.ok(!state.put(Uint8Array.of(0x68, 0xff), new Uint8Array(0)))
    assert.equal(named('a').length, 64)
  })
})
