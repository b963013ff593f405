import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import fc from 'fast-check'
import { seededRandom } from '../../testnet/bots/random.ts'
import { homeLine, Line, Uplink } from '../../testnet/link/line.ts'
import { DelayingRelay } from '../../testnet/link/relay.ts'
import { freePorts } from '../e2e/support/ports.ts'

describe('the line between two homes', () => {
  it('keeps the order, is never early and never faster than its uplink, and the same for the same seed', () => {
    const piece = fc.record({ bytes: fc.integer({ min: 1, max: 60_000 }), waitMs: fc.nat(30) })
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 60 }), fc.nat(), (pieces, seed) => {
        const run = (): number[] => {
          const line = new Line(homeLine, new Uplink(homeLine), seededRandom(seed))
          let nowMs = 1_000
          return pieces.map(({ bytes, waitMs }) => {
            nowMs += waitMs
            const arrivalMs = line.arrivalMs(bytes, nowMs)
            assert.ok(arrivalMs >= nowMs + homeLine.delayMs)
            return arrivalMs
          })
        }
        const arrivals = run()
        assert.deepEqual(
          arrivals,
          [...arrivals].sort((a, b) => a - b),
        )
        const bits = pieces.reduce((sum, { bytes }) => sum + 8 * bytes, 0)
        assert.ok(arrivals.at(-1)! - 1_000 >= (bits / homeLine.bitsPerSecond) * 1_000)
        assert.deepEqual(run(), arrivals)
      }),
      { numRuns: 50 },
    )
  })

  it('stalls as often as it says', () => {
    const line = new Line(homeLine, new Uplink(homeLine), seededRandom(3))
    for (let i = 0; i < 20_000; i++) line.arrivalMs(100, i * 1_000)
    assert.ok(line.stalls > 70 && line.stalls < 130, `${line.stalls}`)
  })

  it('delays what two programs say to each other, and ends with either', async () => {
    const port = await freePorts(2)
    const echo = createServer(socket => socket.pipe(socket)).listen(port + 1, '127.0.0.1')
    await once(echo, 'listening')
    const relay = await DelayingRelay.start([{ port, ownPort: port + 1 }], homeLine, 1)
    const client = connect(port, '127.0.0.1')
    await once(client, 'connect')
    const sentMs = performance.now()
    const said = Array.from({ length: 300 }, (_, i) => `word ${i},`)
    let heard = ''
    client.on('data', chunk => {
      heard += chunk
    })
    for (const word of said) {
      client.write(word)
      if (word.endsWith('7,')) await new Promise(resolve => setImmediate(resolve))
    }
    const whole = said.join('')
    while (heard.length < whole.length) await once(client, 'data')
    assert.equal(heard, whole)
    assert.ok(performance.now() - sentMs >= 2 * homeLine.delayMs - 1)
    client.end()
    await once(client, 'close')
    relay.stop()
    echo.close()
  })
})
