import assert from 'node:assert/strict'
import { auditNetwork } from '../../testnet/local/audits.ts'
import { PromiseBook } from '../../testnet/local/promises.ts'
import { TestNetwork } from './support/network.ts'
import { until } from './support/processes.ts'

describe('areas that touch', function () {
  this.timeout(90_000)
  let network: TestNetwork

  before(async () => {
    network = await TestNetwork.found({ nodes: 4, areas: 4, replicas: 4, borders: 'open' })
    await network.local.start()
    network.startPlayers(12, 4)
  })
  after(() => network.end())

  it('let players walk from one to the other as if there were one: nothing lost, nothing doubled, all audited', async () => {
    await until('some have gone over a border', async () => network.players.stats.handovers >= 3, 45_000)
    await network.players.stop()
    const { forged, failed } = network.players.stats
    assert.deepEqual({ forged, failed }, { forged: 0, failed: 0 })
    assert.equal(network.local.failed, undefined)
    const book = await PromiseBook.read(network.promisesPath)
    const audit = await auditNetwork(network.local, book, () => {})
    assert.deepEqual(audit.findings, [])
    assert.deepEqual([book.lost, book.duplicated], [0, 0])
  })
})
