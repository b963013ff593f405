import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { pair, stopAll, until } from './nodes.ts'

describe('channels between two libp2p hosts', function () {
  this.timeout(10_000)

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
