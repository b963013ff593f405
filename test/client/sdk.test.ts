import assert from 'node:assert/strict'
import type { SocketLike, WorldEvent } from '../../client/index.ts'
import { decodeInput, type Input, inputSignatureMessage } from '../../world/codec.ts'
import { ORIGIN, verifyEd25519 } from '../gateway/support/authority.ts'
import { Play, sleep, until } from './support/play.ts'

describe('the SDK with a real gateway', function () {
  this.timeout(10_000)
  const play = new Play()

  beforeEach(() => play.begin())
  afterEach(() => play.end())

  it('opens a session, spawns, acts, and verifies each receipt by itself', async () => {
    const { url } = await play.gateway()
    const client = await play.player(url)
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
    const { url } = await play.gateway()
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
    const client = await play.player(url, { makeSocket })
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
    const { url } = await play.gateway()
    const client = await play.player(url)
    await client.spawn('Ada')
    const { outcome } = await client.act({ kind: 'move', vxMmPerTick: 20_000, vyMmPerTick: 0 })
    assert.equal(outcome.code, 'too-fast')
    assert.equal(client.stats.rejected, 1)
  })

  it('reads an entity from its owner, and its own character, without logging anything', async () => {
    const { url } = await play.gateway()
    const client = await play.player(url)
    const spawned = await client.spawn('Ada')
    const { length } = play.authority.applied
    const own = await client.read()
    assert.ok(own.entity?.kind === 'character' && own.entity.name === 'Ada')
    assert.ok(own.size > spawned.receipt.leaf)
    assert.equal(own.by, 'quorum')
    assert.deepEqual((await client.read(own.entity.id)).entity, own.entity)
    assert.equal((await client.read('0'.repeat(32))).entity, undefined)
    assert.throws(() => client.read('nobody'), { code: 'bad-id' })
    assert.equal(play.authority.applied.length, length)
    assert.equal(client.nextSeq, 2)
  })

  it('asks again for a read that has to wait, and fails when nobody ever answers it', async () => {
    const { url } = await play.gateway()
    const client = await play.player(url, { actionTimeoutMs: 600 })
    const busy = ['busy', 'unavailable'] as const
    let asked = 0
    const { read } = play.authority
    play.authority.read = (area, target, answer) => {
      if (asked++ < 2) answer({ kind: busy[asked - 1]!, retryAfterMs: 20 })
      else if (asked === 3) read.call(play.authority, area, target, answer)
    }
    assert.equal((await client.read()).entity, undefined)
    await assert.rejects(client.read(), { code: 'timeout' })
  })

  it('leaves a gateway that shows it less than it was told before', async () => {
    const { url } = await play.gateway()
    const { url: other } = await play.gateway()
    const client = await play.player([url, other])
    await client.spawn('Ada')
    const { read } = play.authority
    let old = true
    play.authority.read = (area, target, answer) => {
      if (!old) return read.call(play.authority, area, target, answer)
      old = false
      answer({ kind: 'state', state: { entity: undefined, size: 1, tick: 1, byLease: true } })
    }
    assert.ok((await client.read()).entity !== undefined)
    assert.equal(client.stats.links, 2)
  })

  it("signs what is permanent with the player's own key", async () => {
    const { url } = await play.gateway()
    const client = await play.player(url)
    await client.spawn('Ada')
    await until(() => client.view.own !== undefined)
    const { xMm, yMm } = client.view.own!.motion
    const { outcome } = await client.act({ kind: 'build', structure: 0, xMm: xMm + 2_000, yMm })
    assert.equal(outcome.code, 'protected')
    const input = decodeInput(play.authority.applied.at(-1)!.body) as Input
    assert.ok(verifyEd25519(client.playerKey, inputSignatureMessage(ORIGIN, input), input.signature!))
  })

  it('has many actions in flight and keeps their order', async () => {
    const { url } = await play.gateway()
    const client = await play.player(url)
    const spawned = client.spawn('Ada')
    const moves = Array.from({ length: 30 }, (_, i) =>
      client.act({ kind: 'move', vxMmPerTick: i, vyMmPerTick: 0 }),
    )
    await Promise.all([spawned, ...moves])
    assert.deepEqual(
      play.authority.applied.map(({ outcome }) => outcome.seq),
      Array.from({ length: 31 }, (_, i) => i + 1),
    )
  })

  it('sees itself, others and what happens near by, and positions between ticks', async () => {
    const { url } = await play.gateway()
    const [ada, bob] = await Promise.all([play.player(url), play.player(url)])
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
    const { url } = await play.gateway()
    const client = await play.player(url)
    client.watchPlace({ area: 'area/0', xMm: 5_000_000, yMm: 5_000_000, radiusMm: 10_000_000 })
    await until(() => client.view.size >= 110)
    assert.equal(client.view.own, undefined)
  })

  it('asks again after busy, unavailable and gap, and applies once', async () => {
    const { url } = await play.gateway()
    const troubles = [
      { result: { kind: 'busy', retryAfterMs: 20 } },
      { result: { kind: 'unavailable', retryAfterMs: 20 } },
      { result: { kind: 'gap', expectedSeq: 2 } },
    ] as const
    let asked = 0
    play.authority.mishap = seq => (seq === 2 ? troubles[asked++] : undefined)
    const client = await play.player(url)
    const done = await Promise.all([
      client.spawn('Ada'),
      client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 }),
      client.act({ kind: 'move', vxMmPerTick: 2, vyMmPerTick: 0 }),
    ])
    assert.deepEqual(
      done.map(({ seq }) => seq),
      [1, 2, 3],
    )
    assert.equal(play.authority.applied.length, 3)
    assert.ok(client.stats.retried >= 3)
  })
})
