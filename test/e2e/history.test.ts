import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { foundNetwork, nodeDirs } from '../../daemon/genesis/found.ts'
import { placesOf } from '../../daemon/genesis/schema.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { startWitnesses, type Witnesses } from '../../testnet/history/witnesses.ts'
import { isReady } from '../../testnet/local/api.ts'
import { LocalNetwork } from '../../testnet/local/network.ts'
import type { NodeProcess } from '../../testnet/local/processes.ts'
import { checkHistory } from '../history/check.ts'
import { type History, type Operation, parseHistory } from '../history/operation.ts'
import { Namespaces } from './support/namespaces.ts'
import { freePorts } from './support/ports.ts'
import { until } from './support/processes.ts'

const nodes = 5
const namespacesWork = Namespaces.possible()

/** One network and one history through all of it, in this order. */
describe('the history of clients of five nodes', function () {
  this.timeout(60_000)
  let dir: string
  let namespaces: Namespaces | undefined
  let network: LocalNetwork
  let witnesses: Witnesses
  let history: History

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-e2e-'))
    if (namespacesWork) namespaces = new Namespaces(nodes)
    network = await found()
    await network.start()
    witnesses = startWitnesses({
      gateways: network.nodes.map(node => node.gatewayUrl),
      genesis: readFileSync(network.genesisPath),
      areas: placesOf(network.genesis.file).map(area => area.name),
      path: historyPath(),
    })
  })
  after(async () => {
    for (const node of network?.nodes ?? []) network.kill(node, 'SIGCONT')
    await witnesses?.stop(100)
    await network?.stop()
    namespaces?.end()
    rmSync(dir, { recursive: true, force: true })
  })
  afterEach(() => assert.equal(network.failed, undefined))

  const historyPath = () => join(dir, 'history.jsonl')

  async function found(): Promise<LocalNetwork> {
    const plan = { nodes, areas: 1, replicas: nodes, firstPort: await freePorts(3 * nodes) }
    const dataDirs = nodeDirs(dir, nodes)
    const hosts = dataDirs.map((_, i) => namespaces?.peerHost(i + 1) ?? '127.0.0.1')
    const settings = { electionMs: 500, heartbeatMs: 100 }
    const founding = {
      network: 'testnet',
      operator: 'testnet',
      operatorFile: join(dir, 'operator.json'),
      createdAt: new Date(),
    }
    foundNetwork({ ...plan, ...founding, dataDirs, host: hosts, settings })
    for (const [i, dataDir] of dataDirs.entries()) {
      const { config } = dataDirFiles(dataDir)
      const host = namespaces?.clientHost(i + 1) ?? '127.0.0.1'
      const set = JSON.parse(readFileSync(config, 'utf8'))
      writeFileSync(config, JSON.stringify({ ...set, gatewayHost: host, httpHost: host }))
    }
    const behind = (node: number): string[] => namespaces?.command(node) ?? []
    return LocalNetwork.prepare({ ...plan, dir, fresh: false, behind })
  }

  async function leader(): Promise<NodeProcess> {
    const [area] = (await network.authorities())!
    assert.ok(area !== undefined && area.leader !== 0)
    return network.nodes[area.leader - 1]!
  }

  const moreAnswered = async (count: number): Promise<void> => {
    const before = witnesses.counts.ok
    await until(`${count} more are answered`, () => witnesses.counts.ok >= before + count)
  }

  const gathered = () => readFileSync(historyPath(), 'utf8').match(/"type":"ok","f":"add"/g)?.length ?? 0

  it('goes on when the leader is killed (SIGKILL), and when it comes back', async () => {
    await moreAnswered(80)
    const killed = await leader()
    network.kill(killed, 'SIGKILL')
    await moreAnswered(60)
    network.startNode(killed)
    await until('it is back', () => isReady(killed.httpUrl))
  })

  it('goes on when the leader hangs (SIGSTOP), and when it wakes and still thinks that it leads', async () => {
    const stopped = await leader()
    network.kill(stopped, 'SIGSTOP')
    await moreAnswered(60)
    network.kill(stopped, 'SIGCONT')
    await moreAnswered(60)
  })

  const ifNamespacesWork = namespacesWork ? it : it.skip
  ifNamespacesWork(
    'goes on when the leader is cut off from the others, and clients still reach it',
    async () => {
      await until('those who went to gather are there', () => gathered() >= 14, 60_000)
      const cut = await leader()
      namespaces!.cut(cut.number)
      await sleep(2_500)
      await moreAnswered(40)
      namespaces!.heal(cut.number)
      await moreAnswered(60)
    },
  )

  it('is linearizable for each key, and every session acted once', async () => {
    await witnesses.stop(10_000)
    history = parseHistory(readFileSync(historyPath(), 'utf8'))
    const { findings, ...counts } = checkHistory(history)
    assert.deepEqual(findings, [])
    assert.ok(counts.ok > 500 && counts.info > 5 && counts.keys >= 16, JSON.stringify(counts))
    for (const [f, least] of Object.entries({ read: 100, write: 100, add: 10 }))
      assert.ok(answered(it => it.f === f).length > least, f)
    assert.ok(answered(it => it.size !== undefined).length > 50, 'reads past the log')
  })

  const plant = (at: Operation, change: Partial<Operation>): readonly string[] => {
    const operations = history.operations.map(it => (it === at ? { ...it, ...change } : it))
    return checkHistory({ operations, findings: [] }).findings
  }
  const answered = (suits: (it: Operation) => boolean): Operation[] =>
    history.operations.filter(it => it.type === 'ok' && suits(it))

  it('would not be, had one read of it been stale', () => {
    const reads = answered(({ f, key }) => f === 'read' && key.endsWith('/course'))
    const tried = reads.slice(-40).map(read => {
      const writes = answered(it => it.f === 'write' && it.key === read.key && it.returnedNs < read.invokedNs)
      const overwritten = writes.find(({ returnedNs }) => writes.some(it => it.invokedNs > returnedNs))
      return overwritten === undefined ? [] : plant(read, { value: overwritten.value })
    })
    const found = tried.filter(findings => /^not linearizable: no order explains/.test(findings[0] ?? ''))
    assert.ok(found.length > 20, `${found.length} of ${tried.length}`)
  })

  it('would not be, had a read past the log shown less of it than somebody knew', () => {
    const reads = answered(({ size }) => size !== undefined).slice(-40)
    const tried = reads.map(read => plant(read, { size: read.size! - 20 }))
    const found = tried.filter(findings =>
      /shows \d+ leaves, and was asked for after/.test(findings[0] ?? ''),
    )
    assert.ok(found.length > 30, `${found.length} of ${tried.length}`)
  })

  it('would not be, had one write been lost or one action been doubled', () => {
    const reads = answered(({ f, key }) => f === 'read' && key.endsWith('/course'))
    // Nobody else gave it this course, nor had it that before: a read of it is of this write.
    const write = answered(it => it.f === 'write' && it.key.endsWith('/course')).find(it => {
      const alike = history.operations.filter(
        each => each !== it && each.key === it.key && each.value === it.value,
      )
      const isOnly = alike.every(each => each.f === 'read' && each.invokedNs > it.invokedNs)
      return isOnly && reads.some(read => alike.includes(read) && read.invokedNs > it.returnedNs)
    })!
    assert.match(plant(write, { value: -1 }).join('\n'), /^not linearizable/m)
    const add = answered(({ f, value }) => f === 'add' && Number(value) === 2)[0]!
    assert.match(plant(add, { value: 3 }).join('\n'), /^not linearizable: .*(?:add|read) of/m)
    const twice = { ...add, process: -1, leaf: add.leaf! + 1_000_000 }
    const findings = checkHistory({ operations: [...history.operations, twice], findings: [] }).findings
    assert.match(findings.join('\n'), /was answered twice/)
  })
})
