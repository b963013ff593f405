import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuthorityView } from '../../daemon/http/view.ts'
import { auditNetwork } from '../../testnet/local/audits.ts'
import type { NodeProcess } from '../../testnet/local/processes.ts'
import { PromiseBook } from '../../testnet/local/promises.ts'
import { readCheckpoint, readPromises } from './support/logs.ts'
import { TestNetwork } from './support/network.ts'
import { until } from './support/processes.ts'

/** One network through all of it, in this order, while bots play. */
describe('a network of three nodes under play, none of whom could take the place of another', function () {
  this.timeout(90_000)
  const recordsBetweenSnapshots = 120
  let network: TestNetwork

  before(async () => {
    network = await TestNetwork.found({
      ...{ nodes: 3, areas: 2, replicas: 3 },
      settings: { recordsBetweenSnapshots },
    })
    await network.local.start()
    network.startPlayers(12, 3)
  })
  after(() => network.end())
  afterEach(() => assert.equal(network.local.failed, undefined))

  /** The first area as this node sees it. */
  async function firstArea(node: NodeProcess): Promise<AuthorityView | undefined> {
    return (await network.local.authoritiesOf(node))?.find(area => area.name === network.areas[0]!.name)
  }

  async function leaderOfFirstArea(): Promise<NodeProcess> {
    let leader = 0
    await until('the area has a leader', async () => {
      const views = await Promise.all(
        network.areas[0]!.members.map(member => firstArea(network.node(member))),
      )
      leader = views.sort((a, b) => (b?.term ?? 0) - (a?.term ?? 0))[0]?.leader ?? 0
      return leader !== 0
    })
    return network.node(leader)
  }

  const promisedInFirstArea = () =>
    readPromises(network.promisesPath).filter(({ origin }) => origin === network.originOf(network.areas[0]!))

  it('has every committed action after all were killed by SIGKILL at once and started again', async () => {
    await network.moreCommitted(100)
    await network.sigkill(...network.local.nodes)
    const promised = readPromises(network.promisesPath).length
    assert.ok(promised > 0)
    await network.startAgain(...network.local.nodes)
    await network.moreCommitted(50)
    assert.deepEqual(await network.broken(), [])
    assert.ok(readPromises(network.promisesPath).length > promised, 'the same clients went on')
  })

  it('goes on without a leader that hangs (SIGSTOP), which catches up when it wakes (SIGCONT)', async () => {
    const leader = await leaderOfFirstArea()
    network.local.kill(leader, 'SIGSTOP')
    const promised = promisedInFirstArea().length
    await until('clients go on', () => promisedInFirstArea().length >= promised + 25)
    const follower = network.node(network.areas[0]!.members.find(member => member !== leader.number)!)
    const { size, term, leader: heir } = (await firstArea(follower))!
    assert.notEqual(heir, leader.number)
    network.local.kill(leader, 'SIGCONT')
    await until('it caught up', async () => {
      const own = await firstArea(leader)
      return own !== undefined && own.size >= size && own.term >= term
    })
  })

  it('takes a replica back that missed more than the Raft log holds: it reads the log from the leader', async () => {
    const leader = await leaderOfFirstArea()
    const away = network.node(network.areas[0]!.members.find(member => member !== leader.number)!)
    const { size } = (await firstArea(away))!
    await network.sigkill(away)
    const enough = size + 3 * recordsBetweenSnapshots
    await until('it missed enough', async () => ((await firstArea(leader))?.size ?? 0) > enough)
    const logPath = join(away.dataDir, 'node.log')
    const before = readFileSync(logPath, 'utf8').length
    await network.startAgain(away)
    await until('it caught up', async () => ((await firstArea(away))?.size ?? 0) > enough)
    const caughtUp = readFileSync(logPath, 'utf8')
      .slice(before)
      .split('\n')
      .filter(line => line.includes('"msg":"caught-up"'))
      .map(line => JSON.parse(line))
    const ofArea = caughtUp.find(line => line.authority === network.areas[0]!.name)
    assert.ok(ofArea?.to > size + recordsBetweenSnapshots, JSON.stringify(caughtUp))
  })

  it('ends with equal logs and states on every replica, nothing lost and nothing doubled', async () => {
    await network.players.stop()
    const { forged, failed } = network.players.stats
    assert.deepEqual({ forged, failed }, { forged: 0, failed: 0 })
    assert.deepEqual(await network.broken(), [])
    const book = await PromiseBook.read(network.promisesPath)
    const audit = await auditNetwork(network.local, book, () => {})
    assert.deepEqual(audit.findings, [])
    for (const area of network.areas) {
      const urls = area.members.map(member => network.node(member).httpUrl)
      await until('all replicas of an area have the same log', async () => {
        const read = urls.map(async url => {
          const { size, root } = await readCheckpoint(url, network.originOf(area))
          const view = (
            await network.local.authoritiesOf(network.node(area.members[urls.indexOf(url)]!))
          )?.find(({ name }) => name === area.name)
          return JSON.stringify({ size, root: Buffer.from(root).toString('hex'), state: view?.stateRoot })
        })
        return new Set(await Promise.all(read)).size === 1
      })
    }
    assert.deepEqual([book.lost, book.duplicated], [0, 0])
  })
})
