import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import * as fc from 'fast-check'
import { WebSocket } from 'ws'
import type { Client, SocketLike } from '../../client/index.ts'
import { encodeAdvert } from '../../daemon/adverts/advert.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { readNodeKeys } from '../../daemon/identity/node-keys.ts'
import { sendFrame } from '../network/stranger.ts'
import { join as joinWorld } from './support/client.ts'
import { Intruder } from './support/intruder.ts'
import { metric } from './support/metrics.ts'
import { TestNetwork } from './support/network.ts'
import { until } from './support/processes.ts'

const maxGrowthBytes = 150 * 1024 * 1024

/** Three nodes hold the area, two of them run; the third one's keys are in the wrong hands. */
describe('a running node under attack', function () {
  this.timeout(30_000)
  let network: TestNetwork
  let httpUrl: string
  let gatewayUrl: string
  let player: Client
  let memoryBytes: number
  const intruders: Intruder[] = []

  before(async () => {
    network = await TestNetwork.found({ nodes: 3, areas: 1, replicas: 3 })
    const [first, second] = network.local.nodes
    await network.startAgain(first!, second!)
    ;({ httpUrl, gatewayUrl } = first!)
    player = await joinWorld(gatewayUrl, network.local.genesisPath)
    await player.spawn('diver')
    memoryBytes = await metric(httpUrl, 'process_resident_memory_bytes')
  })
  after(async () => {
    player?.close()
    await Promise.all(intruders.map(intruder => intruder.leave()))
    await network.end()
  })
  afterEach(async () => {
    const done = await player.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    assert.equal(done.outcome.code, 'ok')
    assert.equal(network.local.failed, undefined)
    const grownBytes = (await metric(httpUrl, 'process_resident_memory_bytes')) - memoryBytes
    assert.ok(grownBytes < maxGrowthBytes, `grown by ${grownBytes} bytes`)
  })

  /** Does something hostile, and sees it counted. */
  async function counts(
    name: string,
    labels: Record<string, string>,
    attack: () => Promise<void>,
    times = 1,
  ): Promise<void> {
    const before = await metric(httpUrl, name, labels)
    await attack()
    await until(
      `${name} ${JSON.stringify(labels)} has grown by ${times}`,
      async () => (await metric(httpUrl, name, labels)) >= before + times,
      5_000,
    )
  }

  describe('at the gateway', () => {
    async function open(): Promise<{
      socket: WebSocket
      received: Buffer[]
      closed: () => number | undefined
    }> {
      const socket = new WebSocket(gatewayUrl, { perMessageDeflate: false })
      const received: Buffer[] = []
      let code: number | undefined
      socket.on('message', data => received.push(data as Buffer))
      socket.on('close', closeCode => {
        code = closeCode
      })
      socket.on('error', () => {})
      await until('the challenge is there', () => received.length > 0)
      return { socket, received, closed: () => code }
    }

    const refused = (code: string, attack: () => Promise<void>, times = 1) =>
      counts('freehold_gateway_refused_total', { code }, attack, times)

    /** A player whose messages are kept as they were sent, and whose line is ours too. */
    async function recordedPlayer(): Promise<{ client: Client; sent: Uint8Array[]; line: WebSocket }> {
      const sent: Uint8Array[] = []
      let line: WebSocket | undefined
      const makeSocket = (url: string): SocketLike => {
        const socket = new WebSocket(url, { perMessageDeflate: false })
        line = socket
        const send = socket.send.bind(socket)
        socket.send = ((data: Uint8Array) => {
          sent.push(Uint8Array.from(data))
          send(data)
        }) as typeof socket.send
        return socket as unknown as SocketLike
      }
      const client = await joinWorld(gatewayUrl, network.local.genesisPath, { makeSocket })
      await client.spawn('twin')
      return { client, sent, line: line! }
    }

    it('refuses bytes that are no WebSocket', () =>
      refused('not-websocket', async () => {
        const { port } = new URL(gatewayUrl)
        const hostile = fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 2_000 }),
          fc.constant(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
        )
        await fc.assert(
          fc.asyncProperty(hostile, bytes => throwAt(Number(port), bytes)),
          { numRuns: 30 },
        )
      }))

    it('refuses messages of random bytes, and ends a connection that goes on with it', async () => {
      const messages = fc.sample(fc.uint8Array({ maxLength: 1_000 }), 40)
      const { socket, closed } = await open()
      await refused(
        'malformed',
        async () => {
          for (const message of messages) socket.send(message)
          await until('it is closed', () => closed() !== undefined)
        },
        10,
      )
      assert.equal(closed(), 4002)
    })

    it('refuses a message that is too long, unread', () =>
      refused('oversized', async () => {
        const { socket, closed } = await open()
        socket.send(randomBytes(1_000_000))
        await until('it is closed', () => closed() === 1009)
      }))

    it('refuses cut messages, another connection’s opening, and inputs without a session', async () => {
      const { client, sent } = await recordedPlayer()
      const [opening, input] = sent as [Uint8Array, Uint8Array]
      client.close()
      await refused('bad-session', async () => {
        const { socket, closed } = await open()
        socket.send(opening)
        await until('it is closed', () => closed() === 4006)
      })
      await refused('unauthenticated', async () => (await open()).socket.send(input))
      await refused(
        'malformed',
        async () => {
          const { socket } = await open()
          for (const share of [0.2, 0.5, 0.9])
            socket.send(opening.subarray(0, Math.floor(opening.length * share)))
        },
        3,
      )
    })

    it('applies a replayed input once, and refuses one of another player', async () => {
      const { client, sent, line } = await recordedPlayer()
      await client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 1 })
      const input = sent.at(-1)!
      // A follower applies a little after the leader has answered.
      const actions = async () => {
        await sleep(200)
        return (await network.local.authoritiesOf(network.node(1)))![0]!.actions
      }
      const before = await actions()
      for (let i = 0; i < 10; i++) line.send(input)
      const other = await recordedPlayer()
      await refused('other-session', async () => other.line.send(input))
      assert.ok((await actions()) <= before + 1, 'only the other player’s coming was applied')
      assert.equal((await client.act({ kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 })).outcome.code, 'ok')
      client.close()
      other.client.close()
    })

    it('slows a client down that sends too much', () =>
      refused(
        'over-rate',
        async () => {
          const { client, sent, line } = await recordedPlayer()
          for (let i = 0; i < 200; i++) line.send(sent.at(-1)!)
          await sleep(200)
          client.close()
        },
        10,
      ))
  })

  describe('by a libp2p peer that passed the handshake', () => {
    const protocols = ['raft/1', 'intent/2', 'read/1', 'feed/1', 'sync/1', 'hello/1']

    async function enter(seed: Uint8Array): Promise<Intruder> {
      const intruder = await Intruder.enter(network.local.genesis, 1, seed)
      intruders.push(intruder)
      return intruder
    }
    const thirdNodesSeed = () => readNodeKeys(dataDirFiles(network.node(3).dataDir).nodeKeys).identity.seed

    /** Everything that the node counts as refused, whatever the protocol calls it. */
    async function refusals(): Promise<number> {
      const names = [
        ...[
          'network_channel_refused',
          'network_frame_too_large',
          'network_malformed',
          'raft_channel_refused',
        ],
        ...['intake_refused', 'reads_refused', 'feed_refused', 'sync_refused', 'raft_open_failed'],
      ]
      const each = await Promise.all(names.map(name => metric(httpUrl, `freehold_${name}_total`)))
      return each.reduce((sum, value) => sum + value, 0)
    }

    for (const [who, seed] of [
      ['a stranger', () => randomBytes(32)],
      ['a node of the genesis file', thirdNodesSeed],
    ] as const) {
      for (const protocol of protocols) {
        it(`${who} throws garbage, huge, cut and too many frames at ${protocol}`, async () => {
          const intruder = await enter(seed())
          const before = await refusals()
          const attacks: ((stream: Stream) => void)[] = [
            ...fc
              .sample(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), 8)
              .map(frame => (stream: Stream) => sendFrame(stream, frame)),
            stream => void stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3)),
            stream => void stream.send(Uint8Array.of(0, 0, 1, 0, 7, 7, 7)),
            stream => {
              for (let i = 0; i < 200; i++) sendFrame(stream, Uint8Array.of(8, 1))
            },
          ]
          for (const attack of attacks) await onItsOwnStream(intruder, protocol, attack)
          // Held open, as many as it likes.
          for (let i = 0; i < 100; i++) await onItsOwnStream(intruder, protocol, () => {})
          await until('it is counted', async () => (await refusals()) >= before + 3, 5_000)
          await intruder.leave()
        })
      }

      it(`${who} gossips nonsense`, async () => {
        const intruder = await enter(seed())
        intruder.subscribe('nodes')
        await until('gossip has a way', () => intruder.hears('nodes'))
        const advert = { number: 1, wallMs: 0, gatewayUrl: '', httpUrl: '', led: [] }
        await counts('freehold_advert_refused_total', { code: 'malformed' }, async () => {
          for (const bytes of fc.sample(fc.uint8Array({ minLength: 1, maxLength: 500 }), 20))
            await intruder.publish('nodes', bytes)
        })
        await counts('freehold_advert_refused_total', { code: 'wrong-number' }, async () => {
          await intruder.publish('nodes', encodeAdvert(advert))
        })
        await counts('freehold_network_gossip_refused_total', { code: 'too-large' }, async () => {
          await intruder.publish('nodes', randomBytes(300 * 1024))
        })
        await intruder.leave()
      })
    }

    it('a node of the genesis file answers on the Raft lanes with garbage', async () => {
      const intruder = await enter(thirdNodesSeed())
      const codes = () => metric(httpUrl, 'freehold_raft_events')
      const before = await codes()
      await intruder.answer('raft/1', stream => {
        for (const frame of fc.sample(fc.uint8Array({ minLength: 1, maxLength: 500 }), 20))
          sendFrame(stream, frame)
      })
      await until('it is counted', async () => (await codes()) > before)
      await intruder.leave()
    })
  })

  it('in its HTTP API refuses what is no request, and everything but reading', async () => {
    const port = Number(new URL(httpUrl).port)
    await counts('freehold_http_refused_total', { code: 'not-http' }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), bytes => throwAt(port, bytes)),
        { numRuns: 30 },
      )
      await throwAt(port, Buffer.from('\x16\x03\x01garbage\r\n\r\n'))
    })
    await counts('freehold_http_refused_total', { code: 'method-not-allowed' }, async () => {
      assert.equal((await fetch(`${httpUrl}/api/v1/status`, { method: 'DELETE' })).status, 405)
    })
    await counts('freehold_http_refused_total', { code: 'body-not-allowed' }, async () => {
      const answer = await fetch(`${httpUrl}/livez`, { method: 'POST', body: 'x'.repeat(1_000_000) }).catch(
        () => undefined,
      )
      assert.ok(answer === undefined || answer.status >= 400)
      await throwAt(port, Buffer.from('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n'))
    })
    await counts('freehold_http_refused_total', { code: 'url-too-long' }, async () => {
      assert.equal((await fetch(`${httpUrl}/${'a'.repeat(2_000)}`)).status, 414)
    })
    await counts('freehold_http_refused_total', { code: 'too-many-requests' }, async () => {
      await throwAt(port, Buffer.from('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(6_000)))
    })
  })
})

async function onItsOwnStream(
  intruder: Intruder,
  protocol: string,
  attack: (stream: Stream) => void,
): Promise<void> {
  try {
    attack(await intruder.open(protocol))
  } catch {
    // The node ended the stream, which is its right.
  }
}

/** Writes the bytes to a port, and waits until the other side has had enough. */
function throwAt(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise(resolve => {
    const socket = connectTcp(port, '127.0.0.1', () => socket.end(bytes))
    socket.setTimeout(300, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.on('close', () => resolve())
  })
}
