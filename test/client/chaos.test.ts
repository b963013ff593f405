import assert from 'node:assert/strict'
import { type Client, connect, type Done, randomSeed } from '../../client/index.ts'
import { seededRandom } from '../../testnet/bots/random.ts'
import { decodeInput } from '../../world/codec.ts'
import { TestAuthority } from '../gateway/support/authority.ts'
import { startTestGateway, type TestGateway } from '../gateway/support/server.ts'

const PLAYERS = 4
const ACTIONS = 50
const RESTARTS = 6

describe('players whose gateways die while answers are lost', () => {
  const clients: Client[] = []
  const gateways: TestGateway[] = []

  after(async () => {
    for (const client of clients) client.close()
    for (const gateway of gateways) await gateway.stop()
  })

  it('get each action applied once, in order, and a receipt for each', async () => {
    const dice = seededRandom(7)
    const authority = new TestAuthority({ npcCount: 0, resourceCount: 0 })
    const limits = { inputsPerSecond: 1_000, inputBurst: 1_000 }
    for (const id of ['first', 'second']) gateways.push(await startTestGateway(authority, { id, limits }))
    const urls = gateways.map(({ url }) => url)
    authority.mishap = () => {
      const die = dice()
      if (die < 0.15) return { loseAnswer: true }
      if (die < 0.25) return { result: { kind: 'busy', retryAfterMs: 5 } }
      if (die < 0.35) return { result: { kind: 'unavailable', retryAfterMs: 5 } }
      return undefined
    }

    const promises: Promise<Done>[] = []
    for (let i = 0; i < PLAYERS; i++) {
      const client = await connect({ gateways: i % 2 === 0 ? urls : urls.toReversed(), player: randomSeed() })
      clients.push(client)
      promises.push(client.spawn(`p${i}`))
      for (let n = 1; n < ACTIONS; n++)
        promises.push(client.act({ kind: 'move', vxMmPerTick: n, vyMmPerTick: 0 }))
    }
    for (let restart = 0; restart < RESTARTS; restart++) {
      await new Promise(resolve => setTimeout(resolve, 100))
      // In the end nothing is lost any more, and both gateways have been away once more.
      if (restart === RESTARTS - 2) authority.mishap = () => undefined
      const at = restart % 2
      const { port } = gateways[at]!
      await gateways[at]!.stop()
      gateways[at] = await startTestGateway(authority, { id: at === 0 ? 'first' : 'second', port, limits })
    }
    const done = await Promise.all(promises)

    const seqsOf = new Map<string, number[]>()
    for (const { body, outcome } of authority.applied) {
      const input = decodeInput(body)
      assert.ok('session' in input)
      const session = Buffer.from(input.session).toString('hex')
      seqsOf.set(session, [...(seqsOf.get(session) ?? []), outcome.seq])
    }
    const inOrder = Array.from({ length: ACTIONS }, (_, i) => i + 1)
    assert.deepEqual([...seqsOf.values()], Array(PLAYERS).fill(inOrder))
    assert.equal(new Set(done.map(({ receipt }) => receipt.leaf)).size, PLAYERS * ACTIONS)
    for (const { body, receipt } of done) {
      const record = authority.applied.find(({ outcome }) => outcome.leaf === receipt.leaf)!
      assert.deepEqual(Buffer.from(record.body), Buffer.from(body))
    }
    const stats = clients.map(client => client.stats)
    assert.ok(stats.every(({ forged, links }) => forged === 0 && links > 1))
    assert.ok(stats.reduce((sum, { retried }) => sum + retried, 0) > 10, 'the mishaps were real')
  }).timeout(20_000)
})
