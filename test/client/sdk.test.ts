import assert from 'node:assert/strict'
import {
  type Client,
  type ClientError,
  type ConnectOptions,
  connect,
  randomSeed,
  type SocketLike,
  type WorldEvent,
} from '../../client/index.ts'
import { decodeInput, type Input, inputSignatureMessage, sessionNumber } from '../../world/codec.ts'
import { AREA, ORIGIN, TestAuthority, verifyEd25519 } from '../gateway/support/authority.ts'
import { startTestGateway, type TestGateway } from '../gateway/support/server.ts'
import { misleadingSockets } from './support/misleading-sockets.ts'

describe('the SDK with a real gateway', function () {
  this.timeout(10_000)
  const gateways: TestGateway[] = []
  const clients: Client[] = []
  let authority: TestAuthority
  let ticking: ReturnType<typeof setInterval>

  beforeEach(() => {
    authority = new TestAuthority()
    ticking = setInterval(() => authority.tick(), 50)
  })

  afterEach(async () => {
    clearInterval(ticking)
    for (const client of clients.splice(0)) client.close()
    for (const gateway of gateways.splice(0)) await gateway.stop()
  })

  async function gateway(options: Parameters<typeof startTestGateway>[1] = {}): Promise<TestGateway> {
    const started = await startTestGateway(authority, options)
    gateways.push(started)
    return started
  }

  async function player(urls: string | string[], options: Partial<ConnectOptions> = {}): Promise<Client> {
    const client = await connect({ gateways: urls, player: randomSeed(), keepReceipts: true, ...options })
    clients.push(client)
    return client
  }

  it('opens a session, spawns, acts, and verifies each receipt by itself', async () => {
    const { url } = await gateway()
    const client = await player(url)
    const spawned = await client.spawn('Ada')
    assert.equal(spawned.outcome.code, 'ok')
    const moved = await client.act({ kind: 'move', vxMmPerTick: 100, vyMmPerTick: 0 })
    assert.equal(moved.seq, 2)
    assert.equal(moved.outcome.code, 'ok')
    assert.equal(client.stats.committed, 2)
    assert.equal(client.stats.forged, 0)
    assert.deepEqual(
      client.receipts.map(({ seq }) => seq),
      [1, 2],
    )
  })

  it('sends what is asked for in one turn in one message, and takes its receipts together', async () => {
    const { url } = await gateway()
    let messages = 0
    const makeSocket = (address: string): SocketLike => {
      const socket = new WebSocket(address)
      const send = socket.send.bind(socket)
      socket.send = bytes => {
        messages++
        send(bytes)
      }
      return socket as unknown as SocketLike
    }
    const client = await player(url, { makeSocket })
    await client.spawn('Ada')
    const before = messages
    const moves = Array.from({ length: 10 }, (_, i) =>
      client.act({ kind: 'move', vxMmPerTick: i, vyMmPerTick: 1 }),
    )
    const done = await Promise.all(moves)
    assert.equal(messages - before, 1)
    assert.deepEqual(
      done.map(({ seq }) => seq),
      Array.from({ length: 10 }, (_, i) => i + 2),
    )
    const [first, last] = [done[0]!.receipt, done.at(-1)!.receipt]
    assert.deepEqual([first.count, last.index], [10, 9])
    assert.deepEqual(first.root, last.root)
  })

  it('tells a refusal by the rules as an outcome, with its receipt', async () => {
    const { url } = await gateway()
    const client = await player(url)
    await client.spawn('Ada')
    const { outcome } = await client.act({ kind: 'move', vxMmPerTick: 20_000, vyMmPerTick: 0 })
    assert.equal(outcome.code, 'too-fast')
    assert.equal(client.stats.rejected, 1)
  })

  it('reads an entity from its owner, and its own character, without logging anything', async () => {
    const { url } = await gateway()
    const client = await player(url)
    const spawned = await client.spawn('Ada')
    const { length } = authority.applied
    const own = await client.read()
    assert.ok(own.entity?.kind === 'character' && own.entity.name === 'Ada')
    assert.ok(own.size > spawned.receipt.leaf)
    assert.equal(own.by, 'quorum')
    assert.deepEqual((await client.read(own.entity.id)).entity, own.entity)
    assert.equal((await client.read('0'.repeat(32))).entity, undefined)
    assert.throws(() => client.read('nobody'), { code: 'bad-id' })
    assert.equal(authority.applied.length, length)
    assert.equal(client.nextSeq, 2)
  })

  it('asks again for a read that has to wait, and fails when nobody ever answers it', async () => {
    const { url } = await gateway()
    const client = await player(url, { actionTimeoutMs: 600 })
    const busy = ['busy', 'unavailable'] as const
    let asked = 0
    const { read } = authority
    authority.read = (area, target, answer) => {
      if (asked++ < 2) answer({ kind: busy[asked - 1]!, retryAfterMs: 20 })
      else if (asked === 3) read.call(authority, area, target, answer)
    }
    assert.equal((await client.read()).entity, undefined)
    await assert.rejects(client.read(), { code: 'timeout' })
  })

  it('leaves a gateway that shows it less than it was told before', async () => {
    const { url } = await gateway()
    const { url: other } = await gateway()
    const client = await player([url, other])
    await client.spawn('Ada')
    const { read } = authority
    let old = true
    authority.read = (area, target, answer) => {
      if (!old) return read.call(authority, area, target, answer)
      old = false
      answer({ kind: 'state', state: { entity: undefined, size: 1, tick: 1, byLease: true } })
    }
    assert.ok((await client.read()).entity !== undefined)
    assert.equal(client.stats.links, 2)
  })

  it("signs what is permanent with the player's own key", async () => {
    const { url } = await gateway()
    const client = await player(url)
    await client.spawn('Ada')
    await until(() => client.view.own !== undefined)
    const { xMm, yMm } = client.view.own!.motion
    const { outcome } = await client.act({ kind: 'build', structure: 0, xMm: xMm + 2_000, yMm })
    assert.equal(outcome.code, 'protected')
    const input = decodeInput(authority.applied.at(-1)!.body) as Input
    assert.ok(verifyEd25519(client.playerKey, inputSignatureMessage(ORIGIN, input), input.signature!))
  })

  it('has many actions in flight and keeps their order', async () => {
    const { url } = await gateway()
    const client = await player(url)
    const spawned = client.spawn('Ada')
    const moves = Array.from({ length: 30 }, (_, i) =>
      client.act({ kind: 'move', vxMmPerTick: i, vyMmPerTick: 0 }),
    )
    await Promise.all([spawned, ...moves])
    assert.deepEqual(
      authority.applied.map(({ outcome }) => outcome.seq),
      Array.from({ length: 31 }, (_, i) => i + 1),
    )
  })

  it('sees itself, others and what happens near by, and positions between ticks', async () => {
    const { url } = await gateway()
    const [ada, bob] = await Promise.all([player(url), player(url)])
    const events: WorldEvent[] = []
    await ada.spawn('Ada')
    await until(() => ada.view.own !== undefined)
    ada.view.onEvent(event => events.push(event))
    await bob.spawn('Bob')
    await bob.act({ kind: 'move', vxMmPerTick: 100, vyMmPerTick: 0 })
    await until(() => events.some(({ kind }) => kind === 'spawned'))
    const names = () => [...ada.view.ofKind('character')].map(it => it.kind === 'character' && it.name)
    await until(() => names().includes('Bob'))
    const bobSeen = [...ada.view.ofKind('character')].find(
      it => it.kind === 'character' && it.name === 'Bob',
    )!
    const before = ada.view.positionOf(bobSeen)
    await sleep(30)
    const between = ada.view.positionOf(bobSeen)
    assert.ok(between.xMm > before.xMm && between.xMm < before.xMm + 200)
    assert.equal(ada.view.own?.kind === 'character' && ada.view.own.name, 'Ada')
    assert.equal(ada.view.entities.size, ada.view.size)
  })

  it('watches a fixed place without being in the world', async () => {
    const { url } = await gateway()
    const client = await player(url)
    client.watchPlace({ area: 'area/0', xMm: 5_000_000, yMm: 5_000_000, radiusMm: 10_000_000 })
    await until(() => client.view.size >= 110)
    assert.equal(client.view.own, undefined)
  })

  it('asks again after busy, unavailable and gap, and applies once', async () => {
    const { url } = await gateway()
    const troubles = [
      { result: { kind: 'busy', retryAfterMs: 20 } },
      { result: { kind: 'unavailable', retryAfterMs: 20 } },
      { result: { kind: 'gap', expectedSeq: 2 } },
    ] as const
    let asked = 0
    authority.mishap = seq => (seq === 2 ? troubles[asked++] : undefined)
    const client = await player(url)
    const done = await Promise.all([
      client.spawn('Ada'),
      client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 }),
      client.act({ kind: 'move', vxMmPerTick: 2, vyMmPerTick: 0 }),
    ])
    assert.deepEqual(
      done.map(({ seq }) => seq),
      [1, 2, 3],
    )
    assert.equal(authority.applied.length, 3)
    assert.ok(client.stats.retried >= 3)
  })

  it('refuses a forged receipt, leaves that gateway, and gets the true one elsewhere', async () => {
    const [liar, honest] = [await gateway({ id: 'liar' }), await gateway({ id: 'honest' })]
    let forgeries = 1
    authority.mishap = seq =>
      seq === 2 && forgeries-- > 0
        ? { forge: bytes => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1) }
        : undefined
    const client = await player([liar.url, honest.url])
    await client.spawn('Ada')
    const { outcome } = await client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    assert.equal(outcome.code, 'ok')
    assert.equal(client.stats.forged, 1)
    assert.equal(client.gateway, honest.url)
    assert.equal(authority.applied.length, 2)
  })

  it('takes no gateway at its bare word that an input is done, or a session lost: another one has to say it too', async () => {
    const [liar, honest] = [await gateway({ id: 'liar' }), await gateway({ id: 'honest' })]
    let lies = 1
    authority.mishap = seq =>
      seq === 2 && lies-- > 0 ? { result: { kind: 'gap', expectedSeq: 9 } } : undefined
    const client = await player([liar.url, honest.url])
    await client.spawn('Ada')
    const { outcome } = await client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    assert.equal(outcome.code, 'ok')
    assert.equal(client.gateway, honest.url)
    authority.mishap = seq => (seq === 3 ? { result: { kind: 'gap', expectedSeq: 9 } } : undefined)
    const forgotten = client.act({ kind: 'move', vxMmPerTick: 2, vyMmPerTick: 0 })
    await assert.rejects(forgotten, { code: 'outcome-unknown' })
    assert.equal(client.stats.links, 3)
  })

  it('goes on at another gateway when its own dies, with everything unanswered applied once', async () => {
    const [first, second] = [await gateway({ id: 'first' }), await gateway({ id: 'second' })]
    const client = await player([first.url, second.url])
    await client.spawn('Ada')
    authority.mishap = () => ({ loseAnswer: true })
    const moves = Array.from({ length: 5 }, (_, i) =>
      client.act({ kind: 'move', vxMmPerTick: i, vyMmPerTick: 0 }),
    )
    await until(() => authority.applied.length === 6)
    authority.mishap = () => undefined
    await first.stop()
    const done = await Promise.all(moves)
    assert.deepEqual(
      done.map(({ seq }) => seq),
      [2, 3, 4, 5, 6],
    )
    assert.equal(authority.applied.length, 6)
    assert.equal(client.gateway, second.url)
    assert.equal(client.stats.links, 2)
  })

  it('goes on with an exported session, and what was unanswered is applied once', async () => {
    const { url } = await gateway()
    const seed = randomSeed()
    const before = await player(url, { player: seed })
    await before.spawn('Ada')
    authority.mishap = () => ({ loseAnswer: true })
    const unanswered = before.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    await until(() => authority.applied.length === 2)
    const session = before.exportSession()
    before.close()
    await assert.rejects(unanswered, (error: ClientError) => error.code === 'closed')
    authority.mishap = () => undefined
    const after = await player(url, { player: seed, session })
    const { seq } = await after.act({ kind: 'move', vxMmPerTick: 2, vyMmPerTick: 0 })
    assert.equal(seq, 3)
    assert.deepEqual(
      authority.applied.map(({ outcome }) => outcome.seq),
      [1, 2, 3],
    )
    await until(() => after.stats.committed === 2)
  })

  for (const [clock, number] of [
    ['is behind', 5],
    ['is ahead by centuries', 2 ** 50],
  ] as const) {
    it(`opens its session by itself with a number that will do when the own clock ${clock}`, async () => {
      const { url } = await gateway()
      const seed = randomSeed()
      const before = await player(url, { player: seed })
      await before.spawn('Ada')
      before.close()
      const last = sessionNumber((decodeInput(authority.applied[0]!.body) as Input).session)
      const session = { sessionSeed: randomSeed(), number, nextSeq: 1, area: '', unanswered: [] }
      const client = await player(url, { player: seed, session })
      const done = await Promise.all([
        client.spawn('Ada'),
        client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 }),
        client.act({ kind: 'build', structure: 0, xMm: 0, yMm: 0 }),
      ])
      assert.deepEqual(
        done.map(({ outcome }) => [outcome.seq, outcome.code]),
        [
          [1, 'ok'],
          [2, 'ok'],
          [3, 'out-of-reach'],
        ],
      )
      for (const { body } of done) assert.equal(sessionNumber((decodeInput(body) as Input).session), last + 1)
      assert.equal(client.exportSession().number, last + 1)
      assert.equal(client.stats.forged, 0)
    })
  }

  it('leaves a gateway that opens another area, and sends it nothing', async () => {
    const [first, liar, honest] = [
      await gateway({ id: 'first' }),
      await gateway({ id: 'liar' }),
      await gateway({ id: 'honest' }),
    ]
    const sockets = misleadingSockets(liar.url, 'area/1')
    const client = await player([first.url, liar.url, honest.url], { makeSocket: sockets.make })
    await client.spawn('Ada')
    authority.mishap = () => ({ loseAnswer: true })
    const move = client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    await until(() => authority.applied.length === 2)
    authority.mishap = () => undefined
    await first.stop()
    assert.equal((await move).outcome.code, 'ok')
    assert.equal(client.area, AREA)
    assert.equal(client.gateway, honest.url)
    assert.deepEqual(sockets.sent, ['open'])
    assert.equal(authority.applied.length, 2)
  })

  it('leaves a gateway that takes its inputs to another log', async () => {
    const [astray, honest] = [await gateway({ id: 'astray' }), await gateway({ id: 'honest' })]
    let strays = 1
    authority.mishap = seq =>
      seq === 2 && strays-- > 0 ? { result: { kind: 'refused', code: 'other-log' } } : undefined
    const client = await player([astray.url, honest.url])
    await client.spawn('Ada')
    assert.equal((await client.act({ kind: 'leave' })).outcome.code, 'ok')
    assert.equal(client.gateway, honest.url)
  })

  it('exports no seq that was never sent', async () => {
    const { url } = await gateway()
    const seed = randomSeed()
    authority.mishap = () => ({ loseAnswer: true })
    const before = await player(url, { player: seed })
    const waiting = [before.spawn('Ada'), before.act({ kind: 'leave' })]
    await until(() => authority.applied.length === 1)
    const session = before.exportSession()
    before.close()
    for (const done of waiting) await assert.rejects(done)
    assert.deepEqual([session.nextSeq, session.unanswered.length], [2, 1])
    authority.mishap = () => undefined
    const after = await player(url, { player: seed, session })
    assert.equal((await after.act({ kind: 'leave' })).seq, 2)
  })

  it('ends when the player opens a new session elsewhere', async () => {
    const { url } = await gateway()
    const seed = randomSeed()
    const before = await player(url, { player: seed })
    await before.spawn('Ada')
    const after = await player(url, { player: seed })
    await until(() => before.state === 'closed')
    await assert.rejects(before.act({ kind: 'leave' }), (error: ClientError) => error.code === 'closed')
    assert.equal((await after.spawn('Ada')).seq, 1)
  })

  it('gives up an action after its time, and says that it may still be applied', async () => {
    const { url } = await gateway()
    authority.mishap = seq => (seq === 2 ? { result: { kind: 'unavailable', retryAfterMs: 50 } } : undefined)
    const client = await player(url, { actionTimeoutMs: 400 })
    await client.spawn('Ada')
    await assert.rejects(client.act({ kind: 'leave' }), (error: ClientError) => {
      assert.equal(error.code, 'timeout')
      assert.equal(error.facts['fault'], 'unavailable')
      return true
    })
    authority.mishap = () => undefined
    assert.equal((await client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })).seq, 3)
  })

  it('fills the place of an input that was refused without being logged', async () => {
    const { url } = await gateway()
    let refusals = 1
    authority.mishap = seq =>
      seq === 2 && refusals-- > 0 ? { result: { kind: 'refused', code: 'odd' } } : undefined
    const client = await player(url)
    await client.spawn('Ada')
    const odd = client.act({ kind: 'leave' })
    const next = client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    await assert.rejects(
      odd,
      (error: ClientError) => error.code === 'refused' && error.facts['reason'] === 'odd',
    )
    assert.equal((await next).seq, 3)
    assert.equal(authority.applied[1]!.outcome.code, 'unknown-target')
  })

  it('says that an action was applied when its outcome is forgotten, and goes on', async () => {
    const { url } = await gateway()
    authority.mishap = seq => (seq === 2 ? { loseAnswer: true } : undefined)
    const client = await player(url)
    await client.spawn('Ada')
    const forgotten = client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    await until(() => authority.applied.length === 2)
    authority.mishap = seq =>
      seq === 2 ? { result: { kind: 'refused', code: 'outcome-forgotten' } } : undefined
    const [{ port, stop }] = gateways.splice(0) as [TestGateway]
    await stop()
    await gateway({ port })
    await assert.rejects(forgotten, (error: ClientError) => error.code === 'outcome-unknown')
    assert.equal((await client.act({ kind: 'leave' })).seq, 3)
  })

  it('believes the genesis file and not the gateway', async () => {
    const { url } = await gateway()
    const genesis = new TextEncoder().encode(
      JSON.stringify({
        network: 'testworld',
        nodes: [],
        authorities: [{ name: 'area/0', birth: 0, members: [] }],
      }),
    )
    await assert.rejects(player(url, { genesis }), (error: ClientError) => error.code === 'other-network')
  })

  it('says that nothing answers, in time', async () => {
    const { url, stop } = await startTestGateway(authority)
    await stop()
    await assert.rejects(
      player(url, { connectTimeoutMs: 300 }),
      (error: ClientError) => error.code === 'disconnected',
    )
  })
})

function sleep(delayMs: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, delayMs))
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 150, 'it did not happen within 3 s')
    await sleep(20)
  }
}
