import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Stream } from '@libp2p/interface'
import { StreamChannel } from '../../daemon/network/channel.ts'
import { pair, stopAll, until } from './nodes.ts'

/** A stream as yamux has it whose peer opens its window bit by bit: each bit is a `drain`, sent on in a microtask. */
class SlowStream extends EventTarget {
  status = 'open'
  writableNeedsDrain = false
  writeBufferLength = 0

  send(data: Uint8Array): boolean {
    this.writeBufferLength += data.length
    this.writableNeedsDrain = true
    return false
  }

  takes(bytes: number): void {
    this.writableNeedsDrain = false
    queueMicrotask(() => {
      this.writeBufferLength = Math.max(0, this.writeBufferLength - bytes)
      if (this.writeBufferLength > 0) this.writableNeedsDrain = true
      else this.dispatchEvent(new Event('idle'))
    })
    this.dispatchEvent(new Event('drain'))
  }

  abort(): void {}
}

describe('channels between two libp2p hosts', function () {
  this.timeout(25_000)

  afterEach(stopAll)

  it('carry frames of all sizes both ways, whole and in order', async () => {
    const { left, right } = await pair()
    const sizes = [0, 1, 4, 128, 2043, 2044, 2045, 65_503, 65_507, 65_508, 200_000, 1 << 20, 3]
    const frames = sizes.map(size => randomBytes(size))
    const atRight: Buffer[] = []
    const atLeft: Buffer[] = []
    right.onFrame(frame => {
      atRight.push(Buffer.from(frame))
      right.send(frame)
    })
    left.onFrame(frame => atLeft.push(Buffer.from(frame)))
    for (const frame of frames) left.send(frame)
    await until('all came back', () => atLeft.length === frames.length)
    assert.deepEqual(atRight, frames)
    assert.deepEqual(atLeft, frames)
  })

  it('keep the queue short for a sender that waits when told, however little the peer takes at a time', async () => {
    const stream = new SlowStream()
    const facts = {
      peer: 'peer',
      protocol: 'pipe/1',
      opener: 'us' as const,
      connectionId: '1',
      maxFrameBytes: 100_000,
    }
    const faults: string[] = []
    const owner = { onFault: (_: StreamChannel, fault: string) => faults.push(fault), onEnd: () => {} }
    const channel = new StreamChannel(stream as unknown as Stream, facts, owner)
    let told = 0
    channel.onDrain(() => {
      told += 1
      while (channel.send(randomBytes(50_000)));
    })
    while (channel.send(randomBytes(50_000)));
    let longest = 0
    for (let i = 0; i < 2000; i++) {
      stream.takes(1000)
      await Promise.resolve().then(() => {})
      longest = Math.max(longest, stream.writeBufferLength)
    }
    assert.ok(told > 4, `told ${told} times`)
    assert.ok(longest < 400_000, `${longest} bytes were queued`)
    assert.deepEqual(faults, [])
  })

  it('tell the sender when to wait and when to go on', async () => {
    const { left, right } = await pair()
    const frame = randomBytes(64 * 1024)
    const total = 500
    let arrived = 0
    let sent = 0
    let waited = 0
    right.onFrame(() => {
      arrived += 1
    })
    const pump = () => {
      while (sent < total) {
        sent += 1
        if (!left.send(frame)) {
          waited += 1
          return
        }
      }
    }
    left.onDrain(pump)
    pump()
    await until('all arrived', () => arrived === total, 10_000)
    assert.ok(waited > 10, `the sender was told to wait ${waited} times`)
  })
})
