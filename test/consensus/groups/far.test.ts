import assert from 'node:assert/strict'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import { startLoad } from './chaos.ts'
import { Cluster } from './cluster.ts'

const TITLE = 'groups whose members are far from each other'
const TEN_MINUTES_MS = 600_000

describe(TITLE, function () {
  this.timeout(60_000)

  it('keep their leaders for ten minutes at 200 ms round trip with jitter, and elect quickly when one dies', async () => {
    await simulate(seedOr(21), TITLE, async simulation => {
      const groups = [1, 2, 3].map(group => ({ group, voters: [1, 2, 3] }))
      const cluster = new Cluster(simulation, { nodes: 3, groups })
      simulation.network.links.setAll({ delayMs: 80, jitterMs: 60 })
      // Until all have found their distance.
      await simulation.runFor(20_000)
      const { leadersSeen } = cluster
      // Awake for a while, asleep for a while.
      for (let minute = 0; minute < 10; minute++) {
        const stopLoad = startLoad(cluster, 500)
        await simulation.runFor(TEN_MINUTES_MS / 20)
        stopLoad()
        await simulation.runFor(TEN_MINUTES_MS / 20)
      }
      assert.equal(cluster.leadersSeen, leadersSeen, `a leader changed:\n${cluster.describe()}`)
      assert.ok(cluster.committedTotal() > 1000)
      const dead = cluster.leaderOf(1)!
      cluster.nodes[dead.number - 1]!.crash({ silent: true })
      assert.ok(await simulation.runUntil(() => cluster.leaderOf(1) !== undefined, 2000), cluster.describe())
    })
  })
})
