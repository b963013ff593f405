import assert from 'node:assert/strict'
import fc from 'fast-check'
import { PbfReader } from 'pbf'
import { readServerMessage, type View } from '../../client/protocol/gateway.pb.js'
import { decodeServer } from '../../client/sdk/link.ts'
import { eventPiece, seenPiece, ViewFrame } from '../../daemon/gateway/frames.ts'
import { AreaGhosts } from '../../daemon/gateway/ghosts.ts'
import { Interest, Scratch, selectSmallest } from '../../daemon/gateway/interest.ts'
import { type EntityView, encodeEntity, encodeEvent } from '../../world/codec.ts'
import { AREA_INFO } from './support/authority.ts'

const RADIUS_MM = 200_000
const CENTRE_MM = 5_000_000

function resource(number: number, xMm: number, yMm: number, stock = 1): Uint8Array {
  const motion = { xMm, yMm, vxMmPerTick: 0, vyMmPerTick: 0, sinceTick: 0, untilTick: 0 }
  return encodeEntity({
    kind: 'resource',
    id: idOf(number),
    birthOrigin: 'net/area/0',
    birthLeaf: 1,
    motion,
    item: 0,
    capacity: 20,
    regrowTicks: 0,
    expiresTick: 0,
    stock,
    stockTick: 0,
  } satisfies EntityView)
}

function npc(number: number, xMm: number, yMm: number): Uint8Array {
  const motion = { xMm, yMm, vxMmPerTick: 0, vyMmPerTick: 0, sinceTick: 0, untilTick: 0 }
  return encodeEntity({
    kind: 'npc',
    id: idOf(number),
    birthOrigin: 'net/area/0',
    birthLeaf: 1,
    motion,
    brave: true,
    homeXMm: xMm,
    homeYMm: yMm,
    mood: undefined,
    health: 100,
    healthTick: 0,
    items: [0, 0],
    gatherReadyTick: 0,
    strikeReadyTick: 0,
    combatUntilTick: 0,
    respawnTick: 0,
    strike: undefined,
  } satisfies EntityView)
}

const idOf = (number: number): string => number.toString(16).padStart(32, '0')

function spawned(number: number, xMm: number, yMm: number): Uint8Array {
  return encodeEvent({ kind: 'spawned', tick: 1, xMm, yMm, entity: idOf(number) })
}

class Eye {
  readonly ghosts: AreaGhosts
  readonly interest: Interest
  readonly scratch = new Scratch()
  /** What a client would have put together, by handle. */
  readonly seen = new Map<number, Buffer>()
  readonly events: Buffer[] = []
  private nowMs = 0

  constructor(limit: number, options: { maxEntities?: number; maxEvents?: number } = {}) {
    let handle = 0
    const { maxEntities = 10_000, maxEvents = 100 } = options
    this.ghosts = new AreaGhosts(AREA_INFO, {
      maxEntities,
      maxEvents,
      tickMs: 100,
      crossed: () => {},
      newHandle: () => ++handle,
    })
    this.ghosts.state(1, 1, [])
    this.interest = new Interest(this.ghosts, limit)
  }

  look(survey: boolean, limit: number, xMm = CENTRE_MM, yMm = CENTRE_MM): View | undefined {
    this.nowMs += 100
    this.ghosts.settle(this.nowMs)
    const sight = { xMm, yMm, radiusMm: RADIUS_MM, limit }
    const bytes = this.interest.view(sight, survey, 0, this.nowMs, this.scratch)
    if (bytes === undefined) return undefined
    const view = readServerMessage(new PbfReader(bytes)).view!
    if (view.reset) this.seen.clear()
    for (const gone of view.gone) {
      assert.ok(this.seen.delete(gone), 'only what was shown can go')
    }
    for (const { handle, entity } of view.seen) this.seen.set(handle, Buffer.from(entity!))
    this.events.push(...view.events.map(event => Buffer.from(event)))
    return view
  }

  get seenTexts(): string[] {
    return [...this.seen.values()].map(bytes => bytes.toString('hex')).sort()
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('what a client sees', () => {
  it('is nothing of what has gone since all were sorted by place', () => {
    const eye = new Eye(100)
    eye.ghosts.delta(2, 2, [npc(1, CENTRE_MM, CENTRE_MM), npc(2, CENTRE_MM + 10, CENTRE_MM)], [], [])
    eye.ghosts.settle(100)
    eye.ghosts.delta(3, 3, [], [idOf(2)], [])
    const sight = { xMm: CENTRE_MM, yMm: CENTRE_MM, radiusMm: RADIUS_MM, limit: 100 }
    const bytes = eye.interest.view(sight, true, 0, 100, eye.scratch)!
    assert.equal(readServerMessage(new PbfReader(bytes)).view!.seen.length, 1)
  })

  it('is, after a survey, everything within the radius, each with its newest bytes', () => {
    const place = fc.integer({ min: CENTRE_MM - 400_000, max: CENTRE_MM + 400_000 })
    const change = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), id: fc.nat(30), x: place, y: place, stock: fc.nat(20) }),
      fc.record({ kind: fc.constant('remove' as const), id: fc.nat(30) }),
      fc.record({ kind: fc.constant('look' as const), survey: fc.boolean() }),
      fc.record({ kind: fc.constant('restate' as const), drop: fc.nat(30) }),
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), changes => {
        const eye = new Eye(64)
        const truth = new Map<number, { bytes: Uint8Array; farMm: number }>()
        for (const it of changes) {
          if (it.kind === 'put') {
            const bytes = resource(it.id, it.x, it.y, it.stock)
            truth.set(it.id, { bytes, farMm: Math.hypot(it.x - CENTRE_MM, it.y - CENTRE_MM) })
            eye.ghosts.delta(1, 1, [bytes], [], [])
          } else if (it.kind === 'remove') {
            truth.delete(it.id)
            eye.ghosts.delta(1, 1, [], [idOf(it.id)], [])
          } else if (it.kind === 'restate') {
            eye.ghosts.lost()
            truth.delete(it.drop)
            eye.ghosts.state(
              1,
              1,
              [...truth.values()].map(({ bytes }) => bytes),
            )
          } else eye.look(it.survey, 64)
        }
        eye.look(true, 64)
        const inReach = (reachMm: number) =>
          [...truth.values()].filter(({ farMm }) => farMm <= reachMm).map(({ bytes }) => hex(bytes))
        const seen = eye.seenTexts
        for (const bytes of inReach(RADIUS_MM - 1)) assert.ok(seen.includes(bytes), 'in reach and not seen')
        const allowed = inReach(RADIUS_MM * 1.15 + 1)
        for (const bytes of seen) assert.ok(allowed.includes(bytes), 'seen, and old or too far')
        assert.equal(new Set(seen).size, seen.length)
      }),
      { numRuns: 300 },
    )
  })

  it('is the nearest ones when there are too many', () => {
    const eye = new Eye(10)
    const entities = Array.from({ length: 200 }, (_, i) => resource(i, CENTRE_MM + i * 500, CENTRE_MM))
    eye.ghosts.state(1, 1, entities)
    eye.look(true, 10)
    assert.deepEqual(eye.seenTexts, entities.slice(0, 10).map(hex).sort())
  })

  it('is, in a thicket, who lives there before what grows there, up to four times as far', () => {
    const eye = new Eye(10)
    const thicket = Array.from({ length: 100 }, (_, i) =>
      resource(i, CENTRE_MM + 10_000 + i * 100, CENTRE_MM),
    )
    const near = Array.from({ length: 5 }, (_, i) => npc(200 + i, CENTRE_MM, CENTRE_MM + 39_000 + i))
    const far = npc(300, CENTRE_MM, CENTRE_MM + 50_000)
    eye.ghosts.state(1, 1, [...thicket, ...near, far])
    eye.look(true, 10)
    assert.deepEqual(eye.seenTexts, [...near, ...thicket.slice(0, 5)].map(hex).sort())
  })

  it('reaches as far for what grows as for who lives', () => {
    const eye = new Eye(10)
    const edge = resource(1, CENTRE_MM + RADIUS_MM - 1, CENTRE_MM)
    const near = (stock: number) => resource(2, CENTRE_MM + 90_000, CENTRE_MM, stock)
    eye.ghosts.state(1, 1, [edge, near(1)])
    eye.look(true, 10)
    assert.equal(eye.seen.size, 2)
    eye.ghosts.delta(1, 1, [near(2)], [], [])
    eye.look(false, 10)
    assert.deepEqual(eye.seenTexts, [edge, near(2)].map(hex).sort())
  })

  it('does not flicker at the edge', () => {
    const eye = new Eye(10)
    let changes = 0
    for (let i = 0; i < 20; i++) {
      const wobbleMm = i % 2 === 0 ? -5_000 : 5_000
      eye.ghosts.delta(1, 1, [resource(1, CENTRE_MM + RADIUS_MM + wobbleMm, CENTRE_MM)], [], [])
      changes += eye.look(true, 10)?.gone.length ?? 0
    }
    assert.equal(changes, 0)
    eye.ghosts.delta(1, 1, [resource(1, CENTRE_MM + RADIUS_MM * 1.2, CENTRE_MM)], [], [])
    assert.equal(eye.look(true, 10)!.gone.length, 1)
  })

  it('hears of near ones at once, and of far ones at the next survey', () => {
    const eye = new Eye(10)
    const near = (stock: number) => resource(1, CENTRE_MM + 10_000, CENTRE_MM, stock)
    const far = (stock: number) => resource(2, CENTRE_MM + 150_000, CENTRE_MM, stock)
    eye.ghosts.state(1, 1, [near(1), far(1)])
    eye.look(true, 10)
    eye.ghosts.delta(1, 1, [near(2), far(2)], [], [])
    eye.look(false, 10)
    assert.deepEqual(eye.seenTexts, [near(2), far(1)].map(hex).sort())
    eye.look(true, 10)
    assert.deepEqual(eye.seenTexts, [near(2), far(2)].map(hex).sort())
  })

  it('is told nothing when nothing has changed', () => {
    const eye = new Eye(10)
    eye.ghosts.state(1, 1, [resource(1, CENTRE_MM, CENTRE_MM)])
    assert.ok(eye.look(true, 10)!.reset)
    assert.equal(eye.look(true, 10), undefined)
    assert.equal(eye.look(false, 10), undefined)
  })

  it('holds the events near by, each once, and the newest when they are too many', () => {
    const eye = new Eye(10, { maxEvents: 10 })
    eye.look(true, 10)
    const here = spawned(1, CENTRE_MM, CENTRE_MM)
    eye.ghosts.delta(1, 1, [], [], [here, spawned(2, CENTRE_MM + RADIUS_MM + 1, CENTRE_MM)])
    eye.look(false, 10)
    eye.look(false, 10)
    assert.deepEqual(eye.events, [Buffer.from(here)])
    const many = Array.from({ length: 50 }, (_, i) => spawned(i, CENTRE_MM, CENTRE_MM))
    eye.ghosts.delta(1, 1, [], [], many)
    eye.look(false, 10)
    assert.ok(eye.events.length - 1 >= 10 && eye.events.length - 1 <= 20)
    assert.deepEqual(eye.events.at(-1), Buffer.from(many.at(-1)!))
  })

  it('is bounded, and broken bytes from other nodes are counted and passed over', () => {
    const eye = new Eye(10, { maxEntities: 5 })
    const many = Array.from({ length: 8 }, (_, i) => resource(i, CENTRE_MM, CENTRE_MM))
    eye.ghosts.state(1, 1, [...many, new Uint8Array([1, 2, 3])])
    eye.ghosts.delta(1, 1, [new Uint8Array(0)], ['no such'], [new Uint8Array(3)])
    assert.equal(eye.ghosts.size, 5)
    assert.equal(eye.ghosts.dropped, 3)
    assert.equal(eye.ghosts.unreadable, 3)
    eye.ghosts.delta(1, 1, [resource(9, CENTRE_MM, CENTRE_MM)], [idOf(0)], [])
    assert.equal(eye.ghosts.size, 5, 'there is room again')
  })
})

describe('choosing the nearest', () => {
  it('puts the smallest in front, whatever the order and the ties', () => {
    const numbers = fc.array(fc.nat(50), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(numbers, fc.nat(200), fc.nat(20), (values, some, spare) => {
        const wanted = 1 + (some % values.length)
        const array = Float64Array.from([...values, ...Array(spare).fill(-1)])
        selectSmallest(array, values.length, wanted)
        const front = [...array.subarray(0, wanted)].sort((a, b) => a - b)
        assert.deepEqual(front, values.toSorted((a, b) => a - b).slice(0, wanted))
        assert.deepEqual([...array.subarray(values.length)], Array(spare).fill(-1))
      }),
    )
  })
})

describe('a view put together by hand', () => {
  it('is the message of gateway.proto, in its one form', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const handle = fc.integer({ min: 1, max: 2 ** 32 - 1 })
    const seen = fc.array(fc.record({ handle, entity: bytes }, { noNullPrototype: true }), { maxLength: 10 })
    const frame = new ViewFrame()
    fc.assert(
      fc.property(
        fc.nat(300),
        fc.nat(2 ** 31),
        fc.boolean(),
        seen,
        fc.array(handle),
        fc.array(bytes),
        (...it) => {
          const [area, tick, reset, entities, gone, events] = it
          for (const { handle: number, entity } of entities) frame.add(seenPiece(number, entity))
          for (const event of events) frame.add(eventPiece(event))
          frame.gone.push(...gone)
          const message = decodeServer(frame.finish(area, tick, reset).slice().buffer)
          assert.deepEqual(message?.view, { area, tick, reset, seen: entities, gone, events })
          assert.ok(frame.empty)
        },
      ),
    )
  })
})
