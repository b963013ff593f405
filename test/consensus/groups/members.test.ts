import assert from 'node:assert/strict'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import type { Simulation } from '../../../testnet/simulation/simulation.ts'
import { mend, spread, startLoad, torment } from './chaos.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'

const TITLE = 'changes of members under faults'

/** Orders other members for one group after the other, of all nodes. */
function startChanges(simulation: Simulation, cluster: Cluster, everyMs: number): () => void {
  let stop: () => void
  const change = (): void => {
    const { group } = pick(simulation, cluster.options.groups)
    const all = shuffled(
      simulation,
      cluster.nodes.map((_, i) => i + 1),
    )
    const voters = all.splice(0, 1 + simulation.random.below(4))
    const learners = all.splice(0, simulation.random.below(2))
    cluster.order(group, { voters, learners })
    stop = simulation.schedule(undefined, everyMs, '', change)
  }
  change()
  return () => stop()
}

async function survive(seed: number, ms: number, options: ClusterOptions): Promise<Cluster> {
  let cluster!: Cluster
  await simulate(seed, TITLE, async simulation => {
    cluster = new Cluster(simulation, options)
    const stopLoad = startLoad(cluster, 25)
    const stopChanges = startChanges(simulation, cluster, 200)
    await torment(simulation, cluster, ms)
    stopChanges()
    mend(simulation, cluster)
    await simulation.runFor(10000)
    stopLoad()
    await simulation.runFor(1000)
    assert.ok(cluster.isSettled(), `not settled:\n${cluster.describe()}`)
  })
  return cluster
}

function shuffled<T>(simulation: Simulation, from: readonly T[]): T[] {
  const left = [...from]
  return from.map(() => left.splice(simulation.random.below(left.length), 1)[0]!)
}

function pick<T>(simulation: Simulation, from: readonly T[]): T {
  return from[simulation.random.below(from.length)]!
}

describe(TITLE, function () {
  this.timeout(20_000)

  it('keeps one order and one leader a term through crashes, cuts and changes of leader, and comes to the members it shall have', async () => {
    for (const seed of [1, 2]) {
      const cluster = await survive(seedOr(seed), 4000, {
        nodes: 5,
        groups: spread(5, 4),
        compactAt: 30,
      })
      assert.ok(cluster.membersChanges > 20 && cluster.removals > 5, 'too little has changed')
      assert.ok(cluster.offers > 0, 'nobody came to a log that was compacted')
    }
  })
})
