import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordLeafHash } from '../../audit/verify/record.ts'
import { type BotPromise, startBots } from '../../testnet/bots/bots.ts'
import { Mind } from '../../testnet/bots/mind.ts'
import { seededRandom } from '../../testnet/bots/random.ts'
import { decodeInput, decodeOutcome, type EntityView, positionAt } from '../../world/codec.ts'
import { TestAuthority } from '../gateway/support/authority.ts'
import { startTestGateway, type TestGateway } from '../gateway/support/server.ts'

describe('bots', () => {
  let authority: TestAuthority
  let gateway: TestGateway
  let ticking: ReturnType<typeof setInterval>

  beforeEach(async () => {
    authority = new TestAuthority({ npcCount: 20, resourceCount: 200 })
    gateway = await startTestGateway(authority)
    ticking = setInterval(() => authority.tick(), 50)
  })

  afterEach(async () => {
    clearInterval(ticking)
    await gateway.stop()
  })

  it('leave without a complaint about what was still under way', async () => {
    authority.mishap = () => ({ loseAnswer: true })
    const troubles: string[] = []
    const bots = startBots({
      ...{ count: 5, gateways: [gateway.url], actionsPerSecond: 15, joinsPerSecond: 1_000, seed: 3 },
      onTrouble: line => troubles.push(line),
    })
    while (authority.arrivals < 5) await new Promise(resolve => setTimeout(resolve, 10))
    await bots.stop(50)
    await new Promise(resolve => setTimeout(resolve, 50))
    assert.equal(bots.stats().failed, 5)
    assert.deepEqual(troubles, [])
  })

  it('come in, play as players do, and keep exactly what they were promised', async () => {
    const promises: BotPromise[] = []
    const troubles: string[] = []
    const bots = startBots({
      count: 12,
      gateways: [gateway.url],
      actionsPerSecond: 15,
      joinsPerSecond: 1_000,
      seed: 3,
      onPromise: promise => promises.push(promise),
      onTrouble: line => troubles.push(line),
    })
    await new Promise(resolve => setTimeout(resolve, 2_000))
    await bots.stop(2_000)
    const stats = bots.stats()
    assert.deepEqual(troubles, [])
    assert.equal(stats.submitted, stats.committed)
    assert.equal(stats.committed, authority.applied.length)
    assert.equal(new Set(promises.map(({ leaf }) => leaf)).size, stats.committed)
    assert.ok(stats.committed > 200 && stats.p50Ms > 0 && stats.p99Ms >= stats.p50Ms)
    const kinds = new Set<string>()
    for (const { body } of authority.applied) {
      const input = decodeInput(body)
      assert.ok('action' in input)
      kinds.add(input.action.kind)
    }
    assert.ok(kinds.has('spawn') && kinds.has('move'))
    const [first] = promises
    assert.equal(decodeOutcome(Buffer.from(first!.outcome, 'hex'))?.code, 'ok')
    const expected = recordLeafHash(
      new Uint8Array([1, 3, 0, 1]),
      new Uint8Array(16).fill(9),
      authority.applied[0]!.body,
    )
    assert.equal(first!.leafHash, Buffer.from(expected).toString('hex'))
  }).timeout(10_000)

  it('run as a process: a line of JSON a second, the promises in a file, and a graceful end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bots-'))
    const file = join(folder, 'promises.ndjson')
    const main = new URL('../../testnet/bots/main.ts', import.meta.url).pathname
    const args = [main, '--count', '5', '--gateways', gateway.url, '--rate', '10', '--promises', file]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
      if (output.split('\n').length === 3) child.stdin.end()
    })
    const code = await new Promise(resolve => child.on('exit', resolve))
    assert.equal(code, 0)
    const lines = output
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.equal(lines.at(-1).type, 'final')
    assert.equal(lines[0].type, 'stats')
    const { committed } = lines.at(-1)
    assert.equal(readFileSync(file, 'utf8').trim().split('\n').length, committed)
    assert.equal(committed, authority.applied.length)
    rmSync(folder, { recursive: true })
  }).timeout(10_000)
})

describe("a bot's mind", () => {
  const motion = { xMm: 0, yMm: 0, vxMmPerTick: 0, vyMmPerTick: 0, sinceTick: 0, untilTick: 0 }
  const common = { birthOrigin: 'net/area/0', birthLeaf: 1, motion }
  const resource = {
    kind: 'resource',
    id: 'aa',
    item: 0,
    capacity: 20,
    regrowTicks: 1,
    expiresTick: 0,
    stock: 5,
    stockTick: 0,
  }
  const own = {
    kind: 'character',
    id: 'bb',
    respawnTick: 0,
    items: [5, 5],
    ...common,
  } as unknown as EntityView
  const world = {
    own,
    positionOf: (entity: EntityView) => positionAt(entity.motion, 0),
    ofKind: (kind: string) =>
      kind === 'resource' ? [{ ...resource, ...common } as unknown as EntityView] : [],
  }

  it('decides the same with the same seed, and not with another', () => {
    const decisions = (seed: number) => {
      const mind = new Mind(seededRandom(seed))
      return Array.from({ length: 50 }, () => mind.decide(world))
    }
    assert.deepEqual(decisions(1), decisions(1))
    assert.notDeepEqual(decisions(1), decisions(2))
  })

  it('gathers what is in reach, and does nothing while dead or not there yet', () => {
    const mind = new Mind(seededRandom(1))
    const kinds = Array.from({ length: 100 }, () => mind.decide(world)!.kind)
    assert.ok(kinds.filter(kind => kind === 'gather').length > 10)
    assert.equal(mind.decide({ ...world, own: undefined }), undefined)
    assert.equal(mind.decide({ ...world, own: { ...own, respawnTick: 9 } as EntityView }), undefined)
  })
})
