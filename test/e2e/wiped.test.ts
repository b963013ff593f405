import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { AuthorityView } from '../../daemon/http/view.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import type { NodeProcess } from '../../testnet/local/processes.ts'
import { PromiseBook } from '../../testnet/local/promises.ts'
import { TestNetwork } from './support/network.ts'
import { serving, startNode, stopNode } from './support/node.ts'
import { until } from './support/processes.ts'

/** Three real nodes with one area on all of them, in this order, while bots play. */
describe('a node whose store is lost', function () {
  this.timeout(60_000)
  let network: TestNetwork

  before(async () => {
    network = await TestNetwork.found({
      ...{ nodes: 3, areas: 1, replicas: 3 },
      settings: { recordsBetweenSnapshots: 150 },
    })
    await network.local.start()
    network.startPlayers(6, 4)
    await network.moreCommitted(100)
  })
  after(() => network.end())
  afterEach(() => assert.equal(network.local.failed, undefined))

  const storeOf = ({ dataDir }: NodeProcess): string => dataDirFiles(dataDir).store
  const incarnationOf = ({ dataDir }: NodeProcess): number =>
    JSON.parse(readFileSync(dataDirFiles(dataDir).incarnation, 'utf8')).incarnation

  async function areaOn(node: NodeProcess): Promise<AuthorityView | undefined> {
    return (await network.local.authoritiesOf(node))?.[0]
  }

  async function backAgain(node: NodeProcess): Promise<void> {
    await until('it takes part again', async () => {
      const area = await areaOn(node)
      return area !== undefined && area.rejoining === null && area.size > 100
    })
  }

  it('keeps silent while another one is away too, and says what it waits for', async () => {
    const [first, second, third] = network.local.nodes as [NodeProcess, NodeProcess, NodeProcess]
    assert.equal(incarnationOf(third), 1)
    await network.sigkill(second, third)
    rmSync(storeOf(third), { recursive: true })
    network.local.startNode(third)
    const waitsFor = async () => `${(await areaOn(third))?.rejoining?.waitsFor}`
    await until('it waits for the second', async () => (await waitsFor()) === '2')
    assert.deepEqual((await areaOn(third))!.rejoining, { phase: 'silent', waitsFor: [2], index: 0, goal: 0 })
    assert.equal((await areaOn(first))!.rejoining, null)
    assert.equal(incarnationOf(third), 2)
    await network.startAgain(second)
    await backAgain(third)
    await network.moreCommitted(30)
  })

  it('has a vote again: with it, and without the first node, the area goes on', async () => {
    const [first, , third] = network.local.nodes as [NodeProcess, NodeProcess, NodeProcess]
    await network.sigkill(first)
    await network.moreCommitted(30)
    await network.startAgain(first)
    await backAgain(third)
  })

  it('refuses a damaged store, and with --wipe-store sets it aside and fetches everything anew', async () => {
    const node = network.node(1)
    await network.sigkill(node)
    for (const name of readdirSync(storeOf(node)).filter(file => file.startsWith('MANIFEST')))
      truncateSync(join(storeOf(node), name), 9)
    const refused = startNode(node.dataDir)
    assert.equal(await refused.ended, 1)
    assert.match(refused.stderr(), /damaged .*: run freehold start --wipe-store, which/)
    assert.equal(incarnationOf(node), 1)
    const wiped = startNode(node.dataDir, ['--wipe-store'])
    await serving(wiped, node.dataDir)
    assert.equal(incarnationOf(node), 2)
    assert.ok(readdirSync(node.dataDir).includes('store.lost-1'))
    await stopNode(wiped)
    await network.startAgain(node)
    await backAgain(node)
    assert.equal(incarnationOf(node), 2)
  })

  it('takes an older store for a lost one, as when a backup of it was put back', async () => {
    // The first again: of three members, a third one that has forgotten what it signed would leave too few votes.
    const node = network.node(1)
    await network.sigkill(node)
    cpSync(storeOf(node), join(network.dir, 'backup'), { recursive: true })
    rmSync(storeOf(node), { recursive: true })
    await network.startAgain(node)
    await backAgain(node)
    await network.sigkill(node)
    rmSync(storeOf(node), { recursive: true })
    cpSync(join(network.dir, 'backup'), storeOf(node), { recursive: true })
    await network.startAgain(node)
    await backAgain(node)
    assert.equal(incarnationOf(node), 4)
  })

  it('leaves nothing lost, doubled or different behind', async () => {
    await network.moreCommitted(30)
    await network.players.stop()
    const { forged, failed } = network.players.stats
    assert.deepEqual({ forged, failed }, { forged: 0, failed: 0 })
    // All three have forgotten what they signed: nothing is decided, and so nothing served, before they enter another view.
    const book = await PromiseBook.read(network.promisesPath)
    const last = book.highestLeaf(network.originOf(network.areas[0]!))
    await until('all stand alike', async () => {
      const areas = await Promise.all(network.local.nodes.map(areaOn))
      const roots = new Set(
        areas.map(area => `${area?.sealedSize} ${area?.checkpointRoot} ${area?.stateRoot}`),
      )
      return roots.size === 1 && areas[0]!.sealedSize > last
    })
  })
})
