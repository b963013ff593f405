import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { loadConfig } from '../../daemon/config/settings.ts'
import { foundNetwork, nodeDirs } from '../../daemon/genesis/found.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { writeFileDurably } from '../../daemon/identity/durable-file.ts'
import { createNodeKeys } from '../../daemon/identity/node-keys.ts'
import { type RunningNode, startNode } from '../../daemon/node.ts'
import { freePorts } from '../e2e/support/ports.ts'
import { until } from '../e2e/support/processes.ts'

describe('a node that no genesis file names', () => {
  const dir = mkdtempSync(join(tmpdir(), 'freehold-joining-'))
  const running: RunningNode[] = []
  const waited: string[] = []

  after(async () => {
    for (const node of running.reverse()) await node.stop(2_000)
    rmSync(dir, { recursive: true, force: true })
  })

  const start = async (dataDir: string): Promise<RunningNode> => {
    const config = loadConfig({ flags: { dataDir }, env: {} })
    const node = await startNode(config, {
      log: pino({ level: process.env.BOOK_LOG ?? 'silent' }),
      onWaiting: sentence => waited.push(sentence),
      onFatal: error => assert.fail(error),
    })
    running.push(node)
    return node
  }

  it('is brought in by one that runs, learns its number and who the others are, and is known to all of them', async function () {
    this.timeout(60_000)
    const dataDirs = nodeDirs(dir, 3)
    const firstPort = await freePorts(9)
    const settings = { gatewayPort: 0, httpPort: 0, electionMs: 300 }
    const { genesis } = foundNetwork({
      ...{ network: 'sea', operator: 'me', dataDirs, host: '127.0.0.1', firstPort, areas: 1, replicas: 3 },
      ...{ createdAt: new Date(), operatorFile: join(dir, 'operator.json'), settings },
    })
    for (const dataDir of dataDirs) await start(dataDir)
    const own = join(dir, 'newcomer')
    mkdirSync(own)
    const files = dataDirFiles(own)
    const { peerId } = createNodeKeys(files.nodeKeys, 'sea')
    const listen = ['/ip4/127.0.0.1/tcp/0']
    writeFileDurably(files.config, JSON.stringify({ ...settings, network: 'sea', listen }))
    writeFileDurably(files.genesis, genesis.bytes)
    const newcomer = await start(own)
    assert.equal(newcomer.view.status().number, 4)
    assert.deepEqual(
      newcomer.view.nodes().map(({ number }) => number),
      [1, 2, 3, 4],
    )
    assert.ok(
      waited.some(sentence => sentence.includes('asked to bring this one in')),
      waited.join('\n'),
    )
    for (const node of running) {
      await until('all know it and hear it', async () => {
        const known = node.view.nodes().find(each => each.peerId === peerId)
        return known?.number === 4 && known.alive
      })
    }
  })

  it('knows its number when it starts again, and asks nobody', async () => {
    waited.length = 0
    await running.pop()!.stop(2_000)
    const again = await start(join(dir, 'newcomer'))
    assert.equal(again.view.status().number, 4)
    assert.equal(again.view.nodes().length, 4)
    assert.deepEqual(waited, [])
  }).timeout(20_000)
})
