import assert from 'node:assert/strict'
import { rejoinOp } from '../../../consensus/groups/raft-disk.ts'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import type { Simulation } from '../../../testnet/simulation/simulation.ts'
import { mend, spread, startLoad, torment } from './chaos.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'
import { nameOf } from './group-node.ts'

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

  it('are heard of by a member that was away while it was removed: it asks once, and disturbs nobody', async () => {
    await simulate(seedOr(3), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 4, groups: groupsOn([1, 2, 3], 20) })
      await simulation.runFor(1000)
      const away = cluster.nodes[2]!
      away.crash()
      for (const { group } of cluster.options.groups)
        cluster.order(group, { voters: [1, 2, 4], learners: [] })
      await simulation.runFor(3000)
      assert.ok(cluster.isSettled(), cluster.describe())
      const { leadersSeen } = cluster
      away.start()
      await simulation.runFor(3000)
      assert.equal(cluster.removals, 20)
      assert.deepEqual(away.program!.host.groups(), [])
      assert.equal(cluster.leadersSeen, leadersSeen, 'somebody else was elected')
      assert.ok(away.program!.host.messagesSent <= 2 * 2 * 20, `${away.program!.host.messagesSent} messages`)
    })
  })

  it('are heard of by a member that lost its disk and may not stand, and so has to ask', async () => {
    await simulate(seedOr(6), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 4, groups: groupsOn([1, 2, 3], 3) })
      await simulation.runFor(1000)
      const away = cluster.nodes[2]!
      const before = cluster.options.groups.map(({ group }) => cluster.leaderOf(group)!.host.status(group)!)
      away.crash()
      for (const { group, epoch, view, term, lastIndex } of before) {
        // Its log has not come back as far as it must, when it is removed.
        away.disk.install([rejoinOp({ group, epoch, view }, { term, index: lastIndex + 100 })])
        cluster.order(group, { voters: [1, 2, 4], learners: [] })
      }
      await simulation.runFor(3000)
      assert.ok(cluster.isSettled(), cluster.describe())
      away.start()
      await simulation.runFor(5000)
      assert.equal(cluster.removals, 3)
      assert.deepEqual(away.program!.host.groups(), [])
    })
  })

  it('are heard of by a member that stood still while it was removed, wherever that caught it', async () => {
    for (let afterMs = 1; afterMs <= 60; afterMs += 2) {
      await simulate(seedOr(7), TITLE, async simulation => {
        const cluster = new Cluster(simulation, { nodes: 4, groups: groupsOn([1, 2, 3], 6) })
        await simulation.runFor(1000)
        for (const { group } of cluster.options.groups)
          cluster.order(group, { voters: [1, 2, 4], learners: [] })
        await simulation.runFor(afterMs)
        const still = cluster.nodes[2]!
        still.pause()
        await simulation.runFor(3000)
        still.resume()
        await simulation.runFor(4000)
        assert.deepEqual(still.program!.host.groups(), [], `stood still after ${afterMs} ms`)
      })
    }
  })

  it('wake a group that sleeps, and let it sleep again: none of five hundred is awake a little later', async () => {
    await simulate(seedOr(4), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 4, groups: groupsOn([1, 2, 3], 500) })
      await simulation.runFor(8000)
      assert.equal(awakeIn(cluster), 0, 'before')
      for (let group = 1; group <= 500; group += 4) cluster.order(group, { voters: [1, 2, 4], learners: [3] })
      await simulation.runFor(4000)
      assert.ok(cluster.isSettled())
      assert.equal(awakeIn(cluster), 0, 'after')
      const sent = sentBy(cluster)
      await simulation.runFor(5000)
      assert.equal(sentBy(cluster), sent)
    })
  })

  it('leave a promise standing that was given by a replica which is closed, and opened again', async () => {
    await simulate(seedOr(5), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 3, groups: groupsOn([1, 2, 3], 30) })
      // Long asleep, nodes promise each other longer support.
      await simulation.runFor(6000)
      const [silent, ...others] = cluster.nodes.map(({ program }) => program!)
      const led = cluster.options.groups.filter(({ group }) => cluster.leaderOf(group) === silent)
      assert.ok(led.length > 5)
      // What its followers have just promised, it counts on; it hears nothing more.
      for (const { number } of others)
        simulation.network.links.blockOneWay(nameOf(number), nameOf(silent!.number))
      for (const follower of others) {
        for (const plan of led) {
          follower.host.close(plan.group)
          void follower.open(plan)
        }
      }
      // The judge looks at the leases when somebody is elected.
      const replaced = (): boolean =>
        led.every(({ group }) => others.some(({ host }) => host.status(group)?.role === 'leader'))
      assert.ok(await simulation.runUntil(replaced, 5000), cluster.describe())
      await simulation.runFor(100)
    })
  })
})

function groupsOn(voters: readonly number[], count: number): { group: number; voters: readonly number[] }[] {
  return Array.from({ length: count }, (_, i) => ({ group: i + 1, voters }))
}

const awakeIn = ({ nodes }: Cluster): number =>
  nodes.reduce((sum, { program }) => sum + program!.host.awakeGroups, 0)

const sentBy = ({ nodes }: Cluster): number =>
  nodes.reduce((sum, { program }) => sum + program!.host.messagesSent, 0)
