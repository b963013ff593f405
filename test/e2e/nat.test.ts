import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { foundNetwork, nodeDirs } from '../../daemon/genesis/found.ts'
import type { PeerView, StatusView } from '../../daemon/http/view.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { LocalNetwork } from '../../testnet/local/network.ts'
import { join as joinWorld } from './support/client.ts'
import { type Door, Homes } from './support/homes.ts'
import { until } from './support/processes.ts'

const doors: readonly Door[] = ['public', 'router', 'router', 'random-ports']
const possible = Homes.possible()

/** One node on the internet, three at homes behind routers of their own; the first three hold an area. */
describe(`nodes behind routers${possible ? '' : ' (left out: no namespaces with masquerade here)'}`, function () {
  this.timeout(60_000)
  let dir: string
  let homes: Homes
  let network: LocalNetwork

  before(async () => {
    if (!possible) return
    dir = mkdtempSync(join(tmpdir(), 'freehold-e2e-'))
    homes = new Homes(doors)
    network = found()
    for (const node of network.nodes) network.startNode(node)
  })
  after(async () => {
    await network?.stop()
    homes?.end()
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
  })

  function found(): LocalNetwork {
    const plan = { nodes: doors.length, areas: 1, replicas: 3, firstPort: 7777 }
    const dataDirs = nodeDirs(dir, plan.nodes)
    const founding = {
      network: 'testnet',
      operator: 'testnet',
      operatorFile: join(dir, 'operator.json'),
      createdAt: new Date(),
    }
    const settings = { electionMs: 500, heartbeatMs: 100 }
    foundNetwork({ ...plan, ...founding, dataDirs, host: doors.map((_, i) => homes.host(i + 1)), settings })
    for (const [i, dataDir] of dataDirs.entries()) {
      const { config } = dataDirFiles(dataDir)
      const host = homes.clientHost(i + 1)
      const set = JSON.parse(readFileSync(config, 'utf8'))
      writeFileSync(config, JSON.stringify({ ...set, gatewayHost: host, httpHost: host }))
    }
    return LocalNetwork.prepare({ ...plan, dir, fresh: false, behind: node => homes.command(node) })
  }

  async function ask<T>(node: number, path: string): Promise<T | undefined> {
    try {
      const response = await fetch(`${network.nodes[node - 1]!.httpUrl}/api/v1/${path}`)
      return (await response.json()) as T
    } catch {
      return undefined
    }
  }

  async function wayTo(node: number, peer: number): Promise<PeerView | undefined> {
    return (await ask<{ peers: PeerView[] }>(node, 'peers'))?.peers.find(({ number }) => number === peer)
  }

  const reachOf = async (node: number) => (await ask<StatusView>(node, 'status'))?.reach

  async function play(node: number): Promise<string> {
    const client = await joinWorld(network.nodes[node - 1]!.gatewayUrl, network.genesisPath)
    try {
      await client.spawn(`from-${node}`)
      return (await client.act({ kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })).outcome.code
    } finally {
      client.close()
    }
  }

  const ifPossible = possible ? it : it.skip

  ifPossible(
    'find out by the others whether they can be dialled, and take places at a relay if not',
    async () => {
      await until('the node on the internet knows', async () => (await reachOf(1))?.verdict === 'public')
      for (const node of [2, 3, 4]) {
        await until(`node ${node} has a relay`, async () => (await reachOf(node))?.relayed.length === 1)
        assert.equal((await reachOf(node))?.verdict, 'private')
      }
      assert.equal((await reachOf(1))?.served, 3)
      assert.deepEqual((await reachOf(1))?.confirmed, [`/ip4/${homes.outside(1)}/tcp/7777`])
    },
  )

  ifPossible(
    'get a direct connection in place of the relayed one, where their routers keep ports',
    async () => {
      await until('there is one', async () => (await wayTo(2, 3))?.relayed === false)
      assert.match((await wayTo(2, 3))!.address, new RegExp(`/${homes.outside(3)}/`))
      await until('the other knows', async () => (await wayTo(3, 2))?.relayed === false)
    },
  )

  ifPossible(
    'stay on the relay where a router gives each connection another port, and play by it',
    async () => {
      for (const node of [2, 3])
        await until('they meet', async () => (await wayTo(4, node))?.relayed === true)
      assert.equal(await play(4), 'ok')
    },
  )

  ifPossible('hold an area together when the node on the internet, their relay, is gone', async () => {
    network.kill(network.nodes[0]!, 'SIGKILL')
    assert.equal(await play(2), 'ok')
    assert.equal((await wayTo(3, 2))?.relayed, false)
    assert.equal(network.failed, undefined)
  })
})
