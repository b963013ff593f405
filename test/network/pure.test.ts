import assert from 'node:assert/strict'
import fc from 'fast-check'
import { DialPlan, maxDials } from '../../daemon/network/dial-plan.ts'
import { FrameReader, FrameWriter } from '../../daemon/network/frames.ts'
import { KnownPeers, maxKnownPeers } from '../../daemon/network/known-peers.ts'

const middle = { bytes: (length: number) => new Uint8Array(length), below: (below: number) => below / 2 }
const nobody = () => false

describe('frames', () => {
  it('come out as they went in, however the bytes are cut on the way', () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ minLength: 60_000, maxLength: 70_000 }),
    )
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.integer({ min: 1, max: 9000 }), (frames, cut) => {
        const writer = new FrameWriter()
        for (const bytes of frames) writer.add(bytes)
        const bytes = Buffer.concat(writer.take())
        const reader = new FrameReader(70_000)
        const read: Uint8Array[] = []
        for (let at = 0; at < bytes.length; at += cut) {
          const wellFormed = reader.push(bytes.subarray(at, at + cut), each => {
            read.push(Uint8Array.from(each))
            return true
          })
          assert.ok(wellFormed)
        }
        assert.deepEqual(
          read,
          frames.map(each => Uint8Array.from(each)),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('over the limit are refused at the length, before a byte of them is kept', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2000 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (limit, length) => {
          const header = Buffer.alloc(4)
          header.writeUInt32BE(length)
          assert.equal(
            new FrameReader(limit).push(header, () => true),
            length <= limit,
          )
        },
      ),
    )
  })
})

describe('the dial plan', () => {
  it('never has more dials under way than allowed, and none to one peer twice', () => {
    const events = fc.array(
      fc.tuple(fc.constantFrom('learn', 'tick', 'fail', 'connect', 'lost', 'refused'), fc.nat(60)),
      {
        maxLength: 200,
      },
    )
    fc.assert(
      fc.property(events, list => {
        const plan = new DialPlan('m', middle)
        const underWay = new Set<string>()
        let nowMs = 0
        for (const [event, n] of list) {
          const peer = `${n % 2 ? 'a' : 'z'}${n}`
          if (event === 'learn') plan.learn(peer, ['/ip4/127.0.0.1/tcp/1'], n % 3 === 0, nowMs)
          if (event === 'lost') plan.lost(peer, nowMs)
          if (event === 'refused') plan.refused(peer, nowMs)
          if ((event === 'fail' || event === 'connect') && underWay.delete(peer)) {
            if (event === 'fail') plan.failed(peer, nowMs)
            else plan.succeeded(peer, nowMs)
          }
          if (event === 'tick') nowMs += n * 50
          for (const dial of plan.due(nowMs, nobody)) {
            assert.ok(!underWay.has(dial.peer))
            underWay.add(dial.peer)
          }
          assert.ok(underWay.size <= maxDials)
          assert.equal(plan.dialling, underWay.size)
        }
      }),
    )
  })

  it('waits longer after each failure, up to ten seconds for a bootstrap peer, and begins anew when it was met', () => {
    const plan = new DialPlan('m', middle)
    plan.learn('z', ['/ip4/127.0.0.1/tcp/1'], true, 0)
    const waits: number[] = []
    let nowMs = 0
    for (let i = 0; i < 10; i++) {
      assert.equal(plan.due(nowMs, nobody).length, 1)
      plan.failed('z', nowMs)
      const nextMs = plan.nextDueMs(nobody) as number
      waits.push(nextMs - nowMs)
      nowMs = nextMs
    }
    assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000])
    plan.greeted('z')
    plan.lost('z', nowMs)
    assert.ok((plan.nextDueMs(nobody) as number) - nowMs < 100)
  })

  it('leaves a peer that refused it alone for most of a minute', () => {
    const plan = new DialPlan('m', middle)
    plan.learn('z', ['/ip4/127.0.0.1/tcp/1'], true, 0)
    plan.due(0, nobody)
    plan.refused('z', 10)
    plan.failed('z', 20)
    assert.ok((plan.nextDueMs(nobody) as number) > 30_000)
  })
})

describe('known peers', () => {
  it('are bounded, and the one not seen for longest is forgotten first', () => {
    const known = new KnownPeers()
    for (let i = 0; i < maxKnownPeers; i++) known.seen({ peerId: `p${i}`, addresses: ['/a'], lastSeenMs: i })
    known.seen({ peerId: 'p0', addresses: Array.from({ length: 50 }, (_, i) => `/a${i}`), lastSeenMs: 5000 })
    assert.equal(known.seen({ peerId: 'new', addresses: [], lastSeenMs: 5001 }), 'p1')
    assert.equal(known.size, maxKnownPeers)
    assert.equal(known.addressesOf('p0').length, 8)
  })
})
