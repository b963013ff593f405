import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AREA } from './support/authority.ts'
import { encodeClient, Harness, inputBody, testPlayer } from './support/harness.ts'

const STOP = { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 } as const
const ada = testPlayer('Ada')
const bob = testPlayer('Bob')

describe('the gateway core: bad company', () => {
  it('takes so many connections in all, so many of one address, and more of this machine', () => {
    const gateway = new Harness({ limits: { maxConnections: 5, maxPerAddress: 1, maxLoopback: 3 } })
    const addresses = [
      '10.0.0.1',
      '10.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '10.0.0.2',
      '10.0.0.3',
    ]
    addresses.forEach((address, id) => {
      gateway.core.connected(id, address)
    })
    assert.deepEqual(
      [...gateway.closings],
      [
        [1, 'full'],
        [5, 'full'],
        [7, 'full'],
      ],
    )
    gateway.core.closed(1)
    gateway.core.closed(0)
    gateway.core.connected(8, '10.0.0.1')
    assert.equal(gateway.closings.has(8), false)
  })

  it('closes after repeated offences, and forgives with time', () => {
    const gateway = new Harness({ limits: { maxOffences: 5, forgiveMs: 1_000 } })
    gateway.join(1, ada)
    for (let i = 0; i < 4; i++) gateway.core.message(1, new Uint8Array([255]))
    gateway.pass(4_000)
    for (let i = 0; i < 4; i++) gateway.core.message(1, new Uint8Array([255]))
    assert.equal(gateway.closings.size, 0)
    gateway.core.message(1, new Uint8Array([255]))
    assert.equal(gateway.closings.get(1), 'too-many-offences')
  })

  it('never throws on any bytes, refuses and counts them, and serves the others on', () => {
    const gateway = new Harness({ limits: { maxOffences: 1e9 } })
    gateway.join(1, ada)
    gateway.join(2, bob)
    gateway.act(2, bob, 1, { kind: 'spawn', name: 'Bob' })
    const right = encodeClient({ inputs: { bodies: [inputBody(ada, 1, { kind: 'spawn', name: 'Ada' })] } })
    const mangled = fc
      .tuple(fc.nat(right.length - 1), fc.nat(255), fc.nat(right.length))
      .map(([at, byte, end]) => right.with(at, byte).subarray(0, end))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 2_000 }), mangled), fc.boolean(), (bytes, opened) => {
        if (!opened) gateway.core.connected(3, '127.0.0.1')
        gateway.core.message(opened ? 1 : 3, bytes)
        gateway.core.closed(3)
        gateway.take(1)
        gateway.take(3)
      }),
      { numRuns: 2_000 },
    )
    gateway.take(2)
    gateway.nowMs += 1_000
    gateway.act(2, bob, 2, STOP)
    assert.ok(gateway.take(2)[0]!.receipts !== undefined)
    assert.ok(gateway.counts.get('gateway_refused_total malformed')! > 100)
  })

  it('stays sound whatever the order of connecting, speaking, leaving and time', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('connect'), id: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ what: fc.constant('open'), id: fc.integer({ min: 1, max: 4 }), who: fc.nat(2) }),
      fc.record({
        what: fc.constant('input'),
        id: fc.integer({ min: 1, max: 4 }),
        who: fc.nat(2),
        seq: fc.nat(3),
      }),
      fc.record({ what: fc.constant('watch'), id: fc.integer({ min: 1, max: 4 }), radius: fc.nat(2 ** 40) }),
      fc.record({ what: fc.constant('leave'), id: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ what: fc.constant('slow'), id: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(8_000_000) }),
      fc.record({ what: fc.constant('time'), id: fc.constant(0), ms: fc.nat(3_000) }),
    )
    const players = [ada, bob, testPlayer('Cid')]
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const gateway = new Harness()
        const open = new Set<number>()
        for (const it of steps) {
          for (const id of gateway.closings.keys()) open.delete(id)
          gateway.closings.clear()
          const { id } = it
          if (it.what === 'connect' && !open.has(id)) {
            open.add(id)
            gateway.core.connected(id, '127.0.0.1')
          } else if ('who' in it && 'seq' in it)
            gateway.act(id, players[it.who]!, it.seq, { kind: 'spawn', name: 'X' })
          else if ('who' in it) gateway.say(id, gateway.openMessage(id, players[it.who]!))
          else if ('radius' in it) {
            gateway.say(id, {
              watch: { place: true, area: AREA, xMm: -5, yMm: 5, radiusMm: it.radius, limit: 0 },
            })
          } else if ('bytes' in it) gateway.core.backlog(id, it.bytes)
          else if ('ms' in it) gateway.pass(it.ms)
          else if (it.what === 'leave') {
            open.delete(id)
            gateway.core.closed(id)
          }
        }
        for (const id of gateway.closings.keys()) open.delete(id)
        const { connections, sessions, inFlight } = gateway.core.stats
        assert.equal(connections, open.size)
        assert.ok(sessions <= connections)
        assert.equal(inFlight, 0)
      }),
      { numRuns: 150 },
    )
  })

  it('degrades a slow client and then drops it, without holding up anybody', () => {
    const gateway = new Harness({ limits: { slowBytes: 1_000, stuckBytes: 1e9, slowMs: 5_000 } })
    gateway.join(1, ada)
    gateway.join(2, bob)
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    gateway.act(2, bob, 1, { kind: 'spawn', name: 'Bob' })
    gateway.pass(600)
    gateway.take(1)
    gateway.take(2)
    gateway.core.backlog(1, 2_000)
    gateway.act(2, bob, 2, { kind: 'move', vxMmPerTick: 5, vyMmPerTick: 0 })
    gateway.authority.tick()
    gateway.pass(1_000)
    assert.equal(gateway.take(1).filter(({ view }) => view !== undefined).length, 0)
    assert.ok(gateway.take(2).some(({ view }) => view !== undefined))
    gateway.core.backlog(1, 0)
    gateway.pass(600)
    assert.ok(
      gateway.take(1).some(({ view }) => view !== undefined && view.seen.length > 0),
      'caught up at once',
    )
    gateway.core.backlog(1, 2_000)
    gateway.pass(5_100)
    gateway.core.backlog(1, 2_000)
    assert.equal(gateway.closings.get(1), 'slow')
  })

  it('says goodbye to everybody when it stops', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.join(2, bob)
    gateway.core.stop()
    assert.deepEqual([...gateway.closings.values()], ['stopping', 'stopping'])
  })
})
