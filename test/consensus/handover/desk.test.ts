import assert from 'node:assert/strict'
import { Desk, type DeskEffects } from '../../../consensus/handover/desk.ts'
import type { Authority } from '../../../consensus/handover/id.ts'
import { decodeMessage, encodeMessage } from '../../../consensus/handover/message.ts'
import { Area, DIRECTORY } from './area.ts'

const entity = '02'.repeat(16)
const other = '04'.repeat(16)
const input = (n: number) => Uint8Array.of(n)

/** Areas with their desks, on a network where everything arrives that `loses` lets pass. */
class Net {
  nowMs = 0
  readonly areas: readonly Area[]
  readonly desks = new Map<Authority, Desk>()
  readonly log: { self: Authority; effects: DeskEffects }[] = []
  loses: (message: Uint8Array) => boolean = () => false
  isAnchoring = true

  constructor(...areas: Area[]) {
    this.areas = areas
    for (const area of areas) this.open(area)
  }

  /** A new leader. */
  open(area: Area): void {
    const options = {
      ...{ nowMs: () => this.nowMs, answersFor: (authority: Authority) => [authority] },
      ...{ resendMs: 100, longestMs: 800, patienceMs: 500 },
    }
    this.desks.set(area.self, new Desk(area.state, area.around, options))
  }

  desk(area: Area): Desk {
    return this.desks.get(area.self)!
  }

  run(ms: number): this {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 10)
      for (const area of this.areas) this.turn(area)
    return this
  }

  turn(area: Area): void {
    const desk = this.desk(area)
    desk.tick()
    const effects = desk.takeEffects()
    this.log.push({ self: area.self, effects })
    for (const { record, payload } of effects.propose) area.apply(record, payload)
    for (const { to, message } of effects.send) if (!this.loses(message)) this.desks.get(to)!.receive(message)
    if (!desk.wantsSeal || !this.isAnchoring) return
    const height = this.nowMs
    desk.marked(height, key => area.prove(key))
    desk.final(height, area.certify())
  }

  said(area: Area): string[] {
    return this.log.flatMap(({ self, effects }) =>
      self === area.self ? effects.send.map(({ message }) => wordOf(message)) : [],
    )
  }

  forwards(area: Area) {
    return this.log.flatMap(({ self, effects }) => (self === area.self ? effects.forward : []))
  }
}

function wordOf(message: Uint8Array): string {
  const { word, isTired } = decodeMessage(message)!
  return isTired ? 'refuse, please' : word
}

describe('the desk of a leader', () => {
  it('says a long answer again to who shows nothing, but not as often as it is asked', () => {
    const [a, b] = [new Area('desk a').found([entity]), new Area('desk b')]
    const net = new Net(a, b)
    net.loses = message => wordOf(message) === 'accepted'
    a.lock(entity, b)
    net.run(200)
    const id = { source: a.self, target: b.self, n: 1 }
    const nothing = { final: new Uint8Array(0), parts: [] }
    const asked = encodeMessage({ word: 'locked', isTired: false, id, shown: nothing })
    net.desk(b).takeEffects()
    for (let i = 0; i < 100; i++) net.desk(b).receive(asked)
    assert.ok(net.desk(b).takeEffects().send.length <= 1)
    net.nowMs += 100
    for (let i = 0; i < 100; i++) net.desk(b).receive(asked)
    assert.equal(net.desk(b).takeEffects().send.length, 1)
  })

  it('brings a handover to its end, and says no more of it then', () => {
    const [a, b] = [new Area('desk a').found([entity]), new Area('desk b')]
    const net = new Net(a, b)
    a.lock(entity, b)
    net.run(2000)
    assert.ok(b.estate.has(entity))
    assert.deepEqual([a.state.released.size, b.state.accepts.size], [0, 0])
    assert.deepEqual(
      [net.said(a), net.said(b)],
      [
        ['locked', 'released'],
        ['accepted', 'declined'],
      ],
    )
  })

  it('says again what was lost, more and more slowly', () => {
    const [a, b] = [new Area('loss a').found([entity]), new Area('loss b')]
    const net = new Net(a, b)
    net.loses = () => true
    a.lock(entity, b)
    net.run(4000)
    assert.ok(net.said(a).length > 4 && net.said(a).length < 10, `${net.said(a)}`)
    net.loses = () => false
    net.run(4000)
    assert.ok(a.estate.has(entity) || b.estate.has(entity))
  })

  it('says nothing before it is final', () => {
    const [a, b] = [new Area('early a').found([entity]), new Area('early b')]
    const net = new Net(a, b)
    net.isAnchoring = false
    a.lock(entity, b)
    net.run(2000)
    assert.deepEqual(net.said(a), [])
  })

  it('asks to refuse once it has waited for long, and never takes the entity back alone', () => {
    const [a, b] = [new Area('tired a').found([entity]), new Area('tired b')]
    const net = new Net(a, b)
    net.loses = message => wordOf(message) === 'locked'
    a.lock(entity, b)
    net.run(400)
    assert.equal(a.state.locks.size, 1)
    net.run(3000)
    assert.ok(net.said(a).includes('refuse, please'))
    assert.ok(a.estate.has(entity) && !b.estate.has(entity))
    assert.equal(b.state.watermarks.get(a.self), 1)
  })

  it('lets an entity that was refused wait before it is locked again, longer each time', () => {
    const [a, b] = [new Area('back a').found([entity]), new Area('back b')]
    const net = new Net(a, b)
    net.loses = message => wordOf(message) === 'locked'
    const waits = [1, 2].map(() => {
      a.lock(entity, b)
      while (!a.estate.has(entity)) net.run(10)
      const fromMs = net.nowMs
      while (!net.desk(a).mayLock(entity)) net.run(10)
      return net.nowMs - fromMs
    })
    assert.ok(waits[1]! > waits[0]!, `${waits}`)
  })

  it('refuses what the rules have no room for', () => {
    const [a, b] = [new Area('full a').found([entity]), new Area('full b')]
    b.found(Array.from({ length: 10 }, (_, i) => `${i}f`.repeat(16)))
    const net = new Net(a, b)
    a.lock(entity, b)
    net.run(1000)
    assert.ok(a.estate.has(entity))
  })

  it('of a new leader goes on where the last one was, whenever that died', () => {
    for (let diesMs = 0; diesMs < 200; diesMs += 10) {
      const [a, b] = [new Area(`new ${diesMs} a`).found([entity]), new Area(`new ${diesMs} b`)]
      const net = new Net(a, b)
      a.lock(entity, b)
      net.run(diesMs)
      for (const area of net.areas) net.open(area)
      net.run(3000)
      assert.ok(b.estate.has(entity), `died after ${diesMs} ms`)
      assert.deepEqual([a.state.released.size, b.state.accepts.size], [0, 0])
    }
  })

  it('keeps inputs while an entity is on its way, and sends them after it in their order', () => {
    const [a, b] = [new Area('queue a').found([entity, other]), new Area('queue b')]
    const net = new Net(a, b)
    net.isAnchoring = false
    a.lock(entity, b)
    const desk = net.desk(a)
    assert.equal(desk.input(other, input(9)), 'here')
    for (const n of [1, 2, 3]) assert.equal(desk.input(entity, input(n)), 'waits')
    net.run(100)
    assert.deepEqual(net.forwards(a), [])
    net.isAnchoring = true
    while (a.state.locks.size > 0) net.run(10)
    assert.deepEqual(desk.input(entity, input(4)), { to: b.self })
    net.run(500)
    assert.deepEqual(net.forwards(a), [{ entity, to: b.self, inputs: [1, 2, 3].map(input) }])
    assert.equal(desk.input(entity, input(5)), 'unknown')
    assert.equal(net.desk(b).input(entity, input(5)), 'here')
  })

  it('gives inputs that waited back to itself when the entity stays', () => {
    const [a, b] = [new Area('stay a').found([entity]), new Area('stay b')]
    const net = new Net(a, b)
    net.loses = message => wordOf(message) === 'locked'
    a.lock(entity, b)
    for (const n of [1, 2]) net.desk(a).input(entity, input(n))
    net.run(3000)
    assert.deepEqual(net.forwards(a), [{ entity, to: a.self, inputs: [1, 2].map(input) }])
  })

  it('keeps so many inputs and no more', () => {
    const [a, b] = [new Area('bound a').found([entity]), new Area('bound b')]
    a.lock(entity, b)
    const desk = new Net(a, b).desk(a)
    for (let n = 0; n < 64; n++) assert.equal(desk.input(entity, input(n)), 'waits')
    assert.equal(desk.input(entity, input(64)), 'busy')
  })

  it('proves nothing of ids that nobody gave out, though whoever has ended has refused them all', () => {
    const ended = new Area('made up ended')
    const b = new Area('made up b', [ended])
    ended.apply({ kind: 'close', successors: [b.self] })
    b.inherit(ended)
    const net = new Net(b)
    const shown = { final: b.certify(), parts: [] }
    for (let n = 1; n < 50; n++) {
      const id = { source: DIRECTORY, target: ended.self, n }
      for (const word of ['locked', 'released'] as const)
        net.desk(b).receive(encodeMessage({ word, isTired: false, id, shown }))
    }
    assert.ok(!net.desk(b).wantsSeal)
    assert.equal(net.desk(b).counters.get('not-proven'), 98)
  })

  it('counts what is nonsense, and is not kept by it from what is true', () => {
    const [a, b] = [new Area('noise a').found([entity]), new Area('noise b')]
    const net = new Net(a, b)
    const id = a.lock(entity, b)
    const receive = Desk.prototype.receive
    for (const desk of net.desks.values()) {
      desk.receive = function (bytes) {
        const bent = bytes.slice()
        bent[bent.length - 1]! ^= 1
        receive.call(this, bent)
        receive.call(this, bytes.subarray(1))
        receive.call(this, bytes)
      }
    }
    net.run(2000)
    assert.ok(b.estate.has(entity) && !a.state.released.has(id))
    const counted = net.desk(b).counters
    assert.ok((counted.get('not-proven') ?? 0) > 0 && (counted.get('malformed') ?? 0) > 0)
  })
})
