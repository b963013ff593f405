import assert from 'node:assert/strict'
import { connect as connectTcp, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import { connect, randomSeed, type SocketLike } from '../../client/index.ts'
import { TestAuthority } from './support/authority.ts'
import { encodeClient } from './support/harness.ts'
import { startTestGateway, type TestGateway } from './support/server.ts'

describe('the gateway on the wire', function () {
  this.timeout(10_000)
  const open: { close(): void }[] = []
  let gateway: TestGateway

  async function start(options: Parameters<typeof startTestGateway>[1] = {}): Promise<void> {
    gateway = await startTestGateway(new TestAuthority({ npcCount: 0, resourceCount: 0 }), options)
  }

  afterEach(async () => {
    for (const it of open.splice(0)) it.close()
    await gateway.stop()
  })

  function webSocket(): WebSocket {
    const socket = new WebSocket(gateway.url)
    socket.on('error', () => {})
    open.push(socket)
    return socket
  }

  function tcp(): Socket {
    const socket = connectTcp(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    open.push({ close: () => socket.destroy() })
    return socket
  }

  const closingOf = (socket: WebSocket): Promise<[number, string]> =>
    new Promise(resolve => socket.on('close', (code, reason) => resolve([code, reason.toString()])))

  async function stillServes(): Promise<void> {
    const client = await connect({ gateways: gateway.url, player: randomSeed() })
    open.push(client)
    assert.equal((await client.spawn('Ada')).outcome.code, 'ok')
  }

  it('closes on a message that is too long, unread, and counts it', async () => {
    await start()
    const socket = webSocket()
    socket.on('open', () => socket.send(Buffer.alloc(1_000_000)))
    assert.equal((await closingOf(socket))[0], 1009)
    assert.equal(gateway.counts.get('gateway_refused_total oversized'), 1)
    await stillServes()
  })

  it('refuses text, and closes who goes on with it', async () => {
    await start({ limits: { maxOffences: 3 } })
    const socket = webSocket()
    socket.on('open', () => {
      for (let i = 0; i < 5; i++) socket.send('{"kind":"open"}')
    })
    assert.deepEqual(await closingOf(socket), [4002, 'too-many-offences'])
    await stillServes()
  })

  it('closes who never answers the challenge', async () => {
    await start({ limits: { handshakeMs: 500 } })
    assert.deepEqual(await closingOf(webSocket()), [4001, 'handshake-timeout'])
  })

  it('answers plain HTTP with what it is, and survives garbage over TCP', async () => {
    await start()
    const answer = await fetch(gateway.url.replace('ws:', 'http:'))
    assert.equal(answer.status, 426)
    for (const garbage of ['\0\0\0\0', 'GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n', 'x'.repeat(100_000)]) {
      const socket = tcp()
      const ended = new Promise(resolve => socket.on('close', resolve))
      socket.resume().write(garbage)
      await ended
    }
    await stillServes()
  })

  it('survives broken frames after a right upgrade', async () => {
    await start()
    const socket = tcp()
    const ended = new Promise(resolve => socket.on('close', resolve))
    socket.write(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    socket.once('data', () => socket.write(Buffer.alloc(64, 0xff)))
    await ended
    await stillServes()
  })

  it('takes no more connections than it may, and says so', async () => {
    await start({ limits: { maxLoopback: 2 } })
    const first = webSocket()
    await Promise.all([first, webSocket()].map(socket => new Promise(resolve => socket.on('open', resolve))))
    assert.deepEqual(await closingOf(webSocket()), [4007, 'full'])
    first.close()
    await closingOf(first)
    await stillServes()
  })

  it('lets no address hold many connections that never become WebSockets', async () => {
    await start({ limits: { maxLoopback: 2, maxConnections: 50 } })
    const sockets = Array.from({ length: 40 }, () => tcp().resume())
    const held = () => sockets.filter(({ destroyed }) => !destroyed).length
    const refused = () => gateway.counts.get('gateway_closed_total not-admitted') ?? 0
    for (let tries = 0; tries < 100 && refused() < 22; tries++) await sleep(20)
    await sleep(100)
    assert.deepEqual([held(), refused()], [18, 22], 'sixteen more than may stay, to tell them so')
    for (const socket of sockets) socket.destroy()
    await sleep(100)
    await stillServes()
  })

  it('says when its port is taken', async () => {
    await start()
    await assert.rejects(
      startTestGateway(new TestAuthority({ npcCount: 0, resourceCount: 0 }), { port: gateway.port }),
      (error: NodeJS.ErrnoException) => error.code === 'EADDRINUSE',
    )
  })

  it('drops a client that stops reading, and nobody else notices', async () => {
    await start({ limits: { slowBytes: 20_000, slowMs: 200, inputsPerSecond: 1e6, inputBurst: 1e6 } })
    let socket: WebSocket | undefined
    const client = await connect({
      gateways: gateway.url,
      player: randomSeed(),
      keepReceipts: true,
      makeSocket: url => {
        socket = new WebSocket(url)
        return socket as unknown as SocketLike
      },
    })
    open.push(client)
    await client.spawn('Ada')
    socket!.pause()
    // The same input again and again: each is answered with its receipt, and none of them is read.
    const replay = encodeClient({ inputs: { bodies: [client.receipts[0]!.body] } })
    const dropped = () => gateway.counts.get('gateway_closed_total slow') === 1
    for (let i = 0; i < 200 && !dropped(); i++) {
      if (i < 40) for (let n = 0; n < 1_000; n++) socket!.send(replay)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    assert.ok(dropped())
    await stillServes()
  })
})

const sleep = (delayMs: number) => new Promise(resolve => setTimeout(resolve, delayMs))
