import assert from 'node:assert/strict'
import { type ClientError, randomSeed } from '../../client/index.ts'
import { decodeInput, type Input, sessionNumber } from '../../world/codec.ts'
import { AREA } from '../gateway/support/authority.ts'
import { startTestGateway } from '../gateway/support/server.ts'
import { misleadingSockets } from './support/misleading-sockets.ts'
import { Play, until } from './support/play.ts'

describe('the SDK with gateways that lie, or are lost', function () {
  this.timeout(10_000)
  const play = new Play()

  beforeEach(() => play.begin())
  afterEach(() => play.end())

  it('refuses a forged receipt, leaves that gateway, and gets the true one elsewhere', async () => {
    const [liar, honest] = [await play.gateway({ id: 'liar' }), await play.gateway({ id: 'honest' })]
    let forgeries = 1
    play.authority.mishap = seq =>
      seq === 2 && forgeries-- > 0
        ? { forge: bytes => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1) }
        : undefined
    const client = await play.player([liar.url, honest.url])
    await client.spawn('Ada')
    const { outcome } = await client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    assert.equal(outcome.code, 'ok')
    assert.equal(client.stats.forged, 1)
    assert.equal(client.gateway, honest.url)
    assert.equal(play.authority.applied.length, 2)
  })

  it('takes no gateway at its bare word that an input is done, or a session lost: another one has to say it too', async () => {
    const [liar, honest] = [await play.gateway({ id: 'liar' }), await play.gateway({ id: 'honest' })]
    let lies = 1
    play.authority.mishap = seq =>
      seq === 2 && lies-- > 0 ? { result: { kind: 'gap', expectedSeq: 9 } } : undefined
    const client = await play.player([liar.url, honest.url])
    await client.spawn('Ada')
    const { outcome } = await client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    assert.equal(outcome.code, 'ok')
    assert.equal(client.gateway, honest.url)
    play.authority.mishap = seq => (seq === 3 ? { result: { kind: 'gap', expectedSeq: 9 } } : undefined)
    const forgotten = client.act({ kind: 'move', vxMmPerTick: 2, vyMmPerTick: 0 })
    await assert.rejects(forgotten, { code: 'outcome-unknown' })
    assert.equal(client.stats.links, 3)
  })

  it('goes on at another gateway when its own dies, with everything unanswered applied once', async () => {
    const [first, second] = [await play.gateway({ id: 'first' }), await play.gateway({ id: 'second' })]
    const client = await play.player([first.url, second.url])
    await client.spawn('Ada')
    play.authority.mishap = () => ({ loseAnswer: true })
    const moves = Array.from({ length: 5 }, (_, i) =>
      client.act({ kind: 'move', vxMmPerTick: i, vyMmPerTick: 0 }),
    )
    await until(() => play.authority.applied.length === 6)
    play.authority.mishap = () => undefined
    await first.stop()
    const done = await Promise.all(moves)
    assert.deepEqual(
      done.map(({ seq }) => seq),
      [2, 3, 4, 5, 6],
    )
    assert.equal(play.authority.applied.length, 6)
    assert.equal(client.gateway, second.url)
    assert.equal(client.stats.links, 2)
  })

  it('goes on with an exported session, and what was unanswered is applied once', async () => {
    const { url } = await play.gateway()
    const seed = randomSeed()
    const before = await play.player(url, { player: seed })
    await before.spawn('Ada')
    play.authority.mishap = () => ({ loseAnswer: true })
    const unanswered = before.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    await until(() => play.authority.applied.length === 2)
    const session = before.exportSession()
    before.close()
    await assert.rejects(unanswered, (error: ClientError) => error.code === 'closed')
    play.authority.mishap = () => undefined
    const after = await play.player(url, { player: seed, session })
    const { seq } = await after.act({ kind: 'move', vxMmPerTick: 2, vyMmPerTick: 0 })
    assert.equal(seq, 3)
    assert.deepEqual(
      play.authority.applied.map(({ outcome }) => outcome.seq),
      [1, 2, 3],
    )
    await until(() => after.stats.committed === 2)
  })

  for (const [clock, number] of [
    ['is behind', 5],
    ['is ahead by centuries', 2 ** 50],
  ] as const) {
    it(`opens its session by itself with a number that will do when the own clock ${clock}`, async () => {
      const { url } = await play.gateway()
      const seed = randomSeed()
      const before = await play.player(url, { player: seed })
      await before.spawn('Ada')
      before.close()
      const last = sessionNumber((decodeInput(play.authority.applied[0]!.body) as Input).session)
      const session = { sessionSeed: randomSeed(), number, nextSeq: 1, area: '', home: '', unanswered: [] }
      const client = await play.player(url, { player: seed, session })
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
      await play.gateway({ id: 'first' }),
      await play.gateway({ id: 'liar' }),
      await play.gateway({ id: 'honest' }),
    ]
    const sockets = misleadingSockets(liar.url, 'area/1')
    const client = await play.player([first.url, liar.url, honest.url], { makeSocket: sockets.make })
    await client.spawn('Ada')
    play.authority.mishap = () => ({ loseAnswer: true })
    const move = client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    await until(() => play.authority.applied.length === 2)
    play.authority.mishap = () => undefined
    await first.stop()
    assert.equal((await move).outcome.code, 'ok')
    assert.equal(client.area, AREA)
    assert.equal(client.gateway, honest.url)
    assert.deepEqual(sockets.sent, ['open'])
    assert.equal(play.authority.applied.length, 2)
  })

  it('leaves a gateway that takes its inputs to another log', async () => {
    const [astray, honest] = [await play.gateway({ id: 'astray' }), await play.gateway({ id: 'honest' })]
    let strays = 1
    play.authority.mishap = seq =>
      seq === 2 && strays-- > 0 ? { result: { kind: 'refused', code: 'other-log' } } : undefined
    const client = await play.player([astray.url, honest.url])
    await client.spawn('Ada')
    assert.equal((await client.act({ kind: 'leave' })).outcome.code, 'ok')
    assert.equal(client.gateway, honest.url)
  })

  it('exports no seq that was never sent', async () => {
    const { url } = await play.gateway()
    const seed = randomSeed()
    play.authority.mishap = () => ({ loseAnswer: true })
    const before = await play.player(url, { player: seed })
    const waiting = [before.spawn('Ada'), before.act({ kind: 'leave' })]
    await until(() => play.authority.applied.length === 1)
    const session = before.exportSession()
    before.close()
    for (const done of waiting) await assert.rejects(done)
    assert.deepEqual([session.nextSeq, session.unanswered.length], [2, 1])
    play.authority.mishap = () => undefined
    const after = await play.player(url, { player: seed, session })
    assert.equal((await after.act({ kind: 'leave' })).seq, 2)
  })

  it('ends when the player opens a new session elsewhere', async () => {
    const { url } = await play.gateway()
    const seed = randomSeed()
    const before = await play.player(url, { player: seed })
    await before.spawn('Ada')
    const after = await play.player(url, { player: seed })
    await until(() => before.state === 'closed')
    await assert.rejects(before.act({ kind: 'leave' }), (error: ClientError) => error.code === 'closed')
    assert.equal((await after.spawn('Ada')).seq, 1)
  })

  it('gives up an action after its time, and says that it may still be applied', async () => {
    const { url } = await play.gateway()
    play.authority.mishap = seq =>
      seq === 2 ? { result: { kind: 'unavailable', retryAfterMs: 50 } } : undefined
    const client = await play.player(url, { actionTimeoutMs: 400 })
    await client.spawn('Ada')
    await assert.rejects(client.act({ kind: 'leave' }), (error: ClientError) => {
      assert.equal(error.code, 'timeout')
      assert.equal(error.facts['fault'], 'unavailable')
      return true
    })
    play.authority.mishap = () => undefined
    assert.equal((await client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })).seq, 3)
  })

  it('fills the place of an input that was refused without being logged', async () => {
    const { url } = await play.gateway()
    let refusals = 1
    play.authority.mishap = seq =>
      seq === 2 && refusals-- > 0 ? { result: { kind: 'refused', code: 'odd' } } : undefined
    const client = await play.player(url)
    await client.spawn('Ada')
    const odd = client.act({ kind: 'leave' })
    const next = client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    await assert.rejects(
      odd,
      (error: ClientError) => error.code === 'refused' && error.facts['reason'] === 'odd',
    )
    assert.equal((await next).seq, 3)
    assert.equal(play.authority.applied[1]!.outcome.code, 'unknown-target')
  })

  it('says that an action was applied when its outcome is forgotten, and goes on', async () => {
    const { url, port, stop } = await play.gateway()
    play.authority.mishap = seq => (seq === 2 ? { loseAnswer: true } : undefined)
    const client = await play.player(url)
    await client.spawn('Ada')
    const forgotten = client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    await until(() => play.authority.applied.length === 2)
    play.authority.mishap = seq =>
      seq === 2 ? { result: { kind: 'refused', code: 'outcome-forgotten' } } : undefined
    await stop()
    await play.gateway({ port })
    await assert.rejects(forgotten, (error: ClientError) => error.code === 'outcome-unknown')
    assert.equal((await client.act({ kind: 'leave' })).seq, 3)
  })

  it('believes the genesis file and not the gateway', async () => {
    const { url } = await play.gateway()
    const genesis = new TextEncoder().encode(
      JSON.stringify({
        network: 'testworld',
        nodes: [],
        authorities: [{ name: 'area/0', birth: 0, members: [] }],
      }),
    )
    await assert.rejects(
      play.player(url, { genesis }),
      (error: ClientError) => error.code === 'other-network',
    )
  })

  it('says that nothing answers, in time', async () => {
    const { url, stop } = await startTestGateway(play.authority)
    await stop()
    await assert.rejects(
      play.player(url, { connectTimeoutMs: 300 }),
      (error: ClientError) => error.code === 'disconnected',
    )
  })
})
