import assert from 'node:assert/strict'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import { startLoad } from './chaos.ts'
import { Cluster } from './cluster.ts'

const TITLE = 'groups whose members are far from each other'
const TEN_MINUTES_MS = 600_000
const FAILOVERS = 3

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

  /** Milliseconds from the leader's end to an entry of another leader that is applied there, `times` over. */
  async function failovers(link: { delayMs: number; jitterMs: number }, way: string): Promise<number[]> {
    const tookMs: number[] = []
    await simulate(seedOr(5), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 3, groups: [{ group: 1, voters: [1, 2, 3] }] })
      simulation.network.links.setAll(link)
      await simulation.runFor(10_000)
      startLoad(cluster, 25)
      for (let i = 0; i < FAILOVERS; i++) {
        await simulation.runFor(simulation.random.between(5_000, 5_500))
        const { number } = cluster.leaderOf(1)!
        const node = cluster.nodes[number - 1]!
        const others = cluster.nodes.filter(other => other !== node)
        const { lastIndex } = node.program!.host.status(1)!
        const leads = (): boolean =>
          others.some(({ program }) => {
            const { role, applied } = program!.host.status(1)!
            // Beyond what the old leader had, and the empty entry that begins a term.
            return role === 'leader' && applied > lastIndex + 1
          })
        const endedMs = simulation.nowMs
        if (way === 'cut off') {
          const names = others.map(({ name }) => name)
          simulation.network.links.partition([node.name], names)
        } else node.crash()
        assert.ok(await simulation.runUntil(leads, 10_000), cluster.describe())
        tookMs.push(simulation.nowMs - endedMs)
        simulation.network.links.heal()
        if (!node.alive) node.start()
      }
    })
    return tookMs
  }

  for (const way of ['killed', 'cut off']) {
    it(`commit under another leader 150 ms and six round trips after theirs was ${way}`, async () => {
      for (const delayMs of [20, 80]) {
        const tookMs = await failovers({ delayMs: delayMs - 2, jitterMs: 4 }, way)
        const limitMs = 150 + 6 * 2 * (delayMs + 2)
        assert.ok(Math.max(...tookMs) < limitMs, `${tookMs.map(Math.round)} ms at ${2 * delayMs} ms`)
      }
    })
  }
})
