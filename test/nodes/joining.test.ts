import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { loadConfig } from '../../daemon/config/settings.ts'
import { foundNetwork, nodeDirs } from '../../daemon/genesis/found.ts'
import { encodeGenesis } from '../../daemon/genesis/genesis.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { writeFileDurably } from '../../daemon/identity/durable-file.ts'
import { createNodeKeys } from '../../daemon/identity/node-keys.ts'
import { type RunningNode, startNode } from '../../daemon/node.ts'
import type { Clock } from '../../daemon/ports.ts'
import { freePorts } from '../e2e/support/ports.ts'
import { until } from '../e2e/support/processes.ts'

/** All nodes of this process live so much faster: whoever comes has to be there for half a minute before it gets anything. */
const FASTER = 8
const beganMs = Date.now()
const fasterClock: Clock = {
  wallMs: () => beganMs + FASTER * (Date.now() - beganMs),
  monotonicMs: () => FASTER * performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs / FASTER)
    return () => clearTimeout(timer)
  },
}
/** Until then a node that nobody vouches for is trusted with all that it can be, in seconds: with votes after five sevenths of it. */
const TRUST_S = 60

describe('a node that no genesis file names', () => {
  const dir = mkdtempSync(join(tmpdir(), 'freehold-joining-'))
  const dataDirs = nodeDirs(dir, 4)
  const own = join(dir, 'newcomer')
  const settings = { gatewayPort: 0, httpPort: 0, electionMs: 1_500 }
  const running = new Map<string, RunningNode>()
  const waited: string[] = []
  let genesis: Uint8Array

  before(async () => {
    const founded = foundNetwork({
      ...{ network: 'sea', operator: 'me', dataDirs, host: '127.0.0.1', firstPort: await freePorts(12) },
      ...{ areas: 1, replicas: 3, createdAt: new Date(beganMs), operatorFile: join(dir, 'operator.json') },
      settings,
    })
    const file = structuredClone(founded.genesis.file)
    for (const authority of file.authorities)
      if (authority.kind === 'directory') Object.assign(authority.policy, { trustS: TRUST_S })
    genesis = encodeGenesis(file)
    for (const dataDir of dataDirs) writeFileDurably(dataDirFiles(dataDir).genesis, genesis)
  })
  after(async () => {
    for (const dataDir of [...running.keys()].reverse()) await stop(dataDir)
    rmSync(dir, { recursive: true, force: true })
  })

  const start = async (dataDir: string): Promise<RunningNode> => {
    const node = await startNode(loadConfig({ flags: { dataDir }, env: {} }), {
      log: pino({ level: process.env.BOOK_LOG ?? 'silent' }),
      clock: fasterClock,
      onWaiting: sentence => waited.push(sentence),
      onFatal: error => assert.fail(error),
    })
    running.set(dataDir, node)
    return node
  }
  const stop = async (dataDir: string): Promise<void> => {
    const node = running.get(dataDir)!
    running.delete(dataDir)
    await node.stop(2_000)
  }
  const votersOf = (name: string): number[] => {
    const members = running.get(dataDirs[0]!)!.view.authority(name)!.members
    return members.map(({ number }) => number).sort()
  }

  it('meets one of its founders that the directory has left out, and that follows it from then on', async function () {
    this.timeout(60_000)
    for (const dataDir of dataDirs) await start(dataDir)
    assert.deepEqual(votersOf('directory'), [1, 2, 3, 4])
    const first = running.get(dataDirs[0]!)!
    // Who was never heard is waited for much longer.
    await until('all have leases', () => {
      const nodes = first.view.directory()?.nodes ?? []
      return nodes.length === 4 && nodes.every(({ leaseMs }) => leaseMs !== null)
    })
    await stop(dataDirs[3]!)
    await until('the directory goes on without it', () => votersOf('directory').length === 3)
    const back = await start(dataDirs[3]!)
    await until('it holds the directory no more', () => !back.view.authority('directory')!.hosted)
    const sizeThen = first.view.directory()!.size
    await until('it has what came since', () => (back.view.directory()?.size ?? 0) > sizeThen)
  })

  it('is brought in by one that runs, learns its number and who the others are, and is known to all of them', async function () {
    this.timeout(60_000)
    mkdirSync(own)
    const files = dataDirFiles(own)
    const { peerId } = createNodeKeys(files.nodeKeys, 'sea')
    const listen = ['/ip4/127.0.0.1/tcp/0']
    const facts = { ...settings, network: 'sea', operator: 'somebody else', listen }
    writeFileDurably(files.config, JSON.stringify(facts))
    writeFileDurably(files.genesis, genesis)
    const newcomer = await start(own)
    assert.equal(newcomer.view.status().number, 5)
    assert.deepEqual(
      newcomer.view.nodes().map(({ number }) => number),
      [1, 2, 3, 4, 5],
    )
    assert.match(waited[0]!, /asked to bring this one in/)
    for (const node of running.values()) {
      await until('all know it and hear it', () => {
        const known = node.view.nodes().find(each => each.peerId === peerId)
        return known?.number === 5 && known.alive && known.operator === 'somebody else'
      })
    }
  })

  it('knows its number when it starts again, and asks nobody', async () => {
    waited.length = 0
    await stop(own)
    const again = await start(own)
    assert.equal(again.view.status().number, 5)
    assert.equal(again.view.nodes().length, 5)
    assert.deepEqual(waited, [])
  }).timeout(20_000)

  it('observes an area first, and votes there when one is needed and it is trusted by then', async function () {
    this.timeout(60_000)
    const newcomer = running.get(own)!
    const area = () => newcomer.view.authority('area/0000')!
    await until('it holds the area', () => area().hosted)
    assert.deepEqual(votersOf('area/0000'), [1, 2, 3])
    await until('it has what the voters have', () => area().finalSize > 0)
    await stop(dataDirs[3]!)
    await stop(dataDirs[2]!)
    await until('it votes', () => votersOf('area/0000').includes(5))
    assert.deepEqual(votersOf('area/0000'), [1, 2, 5])
    const { resources, operator } = newcomer.view.status()
    assert.equal(operator, 'somebody else')
    assert.ok(resources!.bandwidth.used > 0)
  })
})
