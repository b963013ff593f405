import assert from 'node:assert/strict'
import { importUnder } from '../../../testnet/simulation/bugs/plant.ts'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import type { Simulation } from '../../../testnet/simulation/simulation.ts'
import type { Cluster, GroupPlan } from './cluster.ts'
import type { GroupNode } from './group-node.ts'

const TITLE = 'groups that sleep'
const ALL = [1, 2, 3]

function plans(count: number, voters: readonly number[] = ALL): GroupPlan[] {
  return Array.from({ length: count }, (_, i) => ({ group: i + 1, voters }))
}

/** The cluster with all that it runs, with a planted bug when one is named. */
function clusters(bug?: string): Promise<typeof import('./cluster.ts')> {
  return importUnder(bug, import.meta.resolve('./cluster.ts'))
}

/** Three nodes whose groups all have leaders, and sleep. */
async function asleep(simulation: Simulation, count: number, bug?: string): Promise<Cluster> {
  const { Cluster } = await clusters(bug)
  const cluster = new Cluster(simulation, { nodes: 3, groups: plans(count) })
  const slept = await simulation.runUntil(() => allSleep(cluster), 5000)
  assert.ok(slept, `not asleep:\n${cluster.describe()}`)
  return cluster
}

function allSleep(cluster: Cluster): boolean {
  return (
    cluster.isSettled() &&
    programs(cluster).every(({ host }) => sleeping(host.groups(), host) === host.groups().length)
  )
}

function sleeping(groups: readonly number[], host: GroupNode['host']): number {
  return groups.filter(group => host.status(group)!.asleep).length
}

function programs(cluster: Cluster): GroupNode[] {
  return cluster.nodes.flatMap(({ program }) => program ?? [])
}

const sent = (cluster: Cluster): number =>
  programs(cluster).reduce((sum, { host }) => sum + host.messagesSent, 0)

const led = (cluster: Cluster): number =>
  cluster.options.groups.filter(({ group }) => cluster.leaderOf(group) !== undefined).length

function leaderNode(cluster: Cluster, group = 1): Cluster['nodes'][number] {
  const leader = cluster.leaderOf(group)
  assert.ok(leader !== undefined, `group ${group} has no leader`)
  return cluster.nodes[leader.number - 1]!
}

describe(TITLE, function () {
  this.timeout(20_000)

  it('send nothing at all, however many they are; the nodes send seven small frames a second to each other', async () => {
    await simulate(seedOr(11), TITLE, async simulation => {
      const cluster = await asleep(simulation, 200)
      await simulation.runFor(2500)
      const before = {
        messages: sent(cluster),
        frames: programs(cluster).map(({ driver }) => driver.counters),
      }
      await simulation.runFor(5000)
      assert.equal(sent(cluster) - before.messages, 0)
      for (const [i, { driver }] of programs(cluster).entries()) {
        const frames = driver.counters.frames - before.frames[i]!.frames
        assert.ok(frames > 60 && frames < 74, `${frames} frames`)
        assert.ok((driver.counters.frameBytes - before.frames[i]!.frameBytes) / frames < 64)
      }
      assert.equal(led(cluster), 200)
      assert.ok(
        cluster.options.groups.every(({ group }) =>
          leaderNode(cluster, group).program!.host.holdsLease(group),
        ),
      )
    })
  })

  it('take a proposal at once, and sleep again', async () => {
    await simulate(seedOr(12), TITLE, async simulation => {
      const cluster = await asleep(simulation, 20)
      const before = cluster.committedTotal()
      for (const { proposeAll } of programs(cluster).map(node => ({ proposeAll: () => node.proposeAll() })))
        proposeAll()
      await simulation.runFor(10)
      assert.ok(cluster.committedTotal() >= before + 20)
      assert.ok(await simulation.runUntil(() => allSleep(cluster), 2000))
      assert.equal(cluster.leadersSeen, 20, 'waking has cost a leader its place')
    })
  })

  for (const how of ['is killed', 'vanishes', 'hangs', 'is cut off'] as const) {
    it(`have leaders again soon after a node ${how}, those in use first, and without a storm`, async () => {
      await simulate(seedOr(13), TITLE, async simulation => {
        const cluster = await asleep(simulation, 300)
        for (const program of programs(cluster))
          for (let group = 1; group <= 30; group++) program.propose(group)
        await simulation.runFor(20)
        const before = sent(cluster)
        const [dead] = cluster.nodes
        const lost = cluster.options.groups.filter(
          ({ group }) => cluster.leaderOf(group)?.number === 1,
        ).length
        assert.ok(lost >= 80, `the node led ${lost} groups`)
        const deadSent = dead!.program!.host.messagesSent
        if (how === 'hangs') dead!.pause()
        else if (how === 'is cut off') simulation.network.links.partition(['n1'], ['n2', 'n3'])
        else dead!.crash({ silent: how === 'vanishes' })
        const others = cluster.nodes.slice(1).map(node => node.program!)
        const leads = (upTo: number): boolean =>
          cluster.options.groups
            .slice(0, upTo)
            .every(({ group }) => others.some(({ host }) => host.status(group)?.role === 'leader'))
        assert.ok(await simulation.runUntil(() => leads(30), 250), 'the groups in use have no leaders')
        // The others wait a little for a node that gives no sign of its end.
        const doubtMs = how === 'is killed' ? 0 : 300
        assert.ok(
          await simulation.runUntil(() => leads(300), doubtMs + 150),
          `${led(cluster)} of 300 have leaders`,
        )
        await simulation.runFor(2000)
        const messages = others.reduce((sum, { host }) => sum + host.messagesSent, 0) - (before - deadSent)
        assert.ok(messages / lost < 60, `${messages} messages for ${lost} groups`)
      })
    })
  }

  it('do not even notice when a node hangs for a moment', async () => {
    await simulate(seedOr(20), TITLE, async simulation => {
      const cluster = await asleep(simulation, 60)
      await simulation.runFor(500)
      const before = sent(cluster)
      for (let i = 0; i < 10; i++) {
        const node = cluster.nodes[i % 3]!
        node.pause()
        await simulation.runFor(350)
        node.resume()
        await simulation.runFor(700)
      }
      assert.equal(sent(cluster), before)
      assert.ok(allSleep(cluster), cluster.describe())
      assert.equal(cluster.leadersSeen, 60)
      assert.ok(
        cluster.options.groups.every(({ group }) =>
          leaderNode(cluster, group).program!.host.holdsLease(group),
        ),
      )
    })
  })

  it('elect nobody while only their leader and one follower have lost each other', async () => {
    await simulate(seedOr(14), TITLE, async simulation => {
      const cluster = await asleep(simulation, 60)
      simulation.network.links.partition(['n1'], ['n2'])
      const before = sent(cluster)
      await simulation.runFor(5000)
      assert.equal(cluster.leadersSeen, 60)
      assert.ok(sent(cluster) - before < 60 * 30, `${sent(cluster) - before} messages`)
      simulation.network.links.heal()
      assert.ok(await simulation.runUntil(() => allSleep(cluster), 3000), cluster.describe())
      assert.equal(cluster.leadersSeen, 60)
    })
  })

  it('go on under their old leader when another node comes back, and are asleep again soon', async () => {
    await simulate(seedOr(15), TITLE, async simulation => {
      const cluster = await asleep(simulation, 60)
      const groups = cluster.options.groups.filter(({ group }) => cluster.leaderOf(group)!.number !== 3)
      const leaders = groups.map(({ group }) => cluster.leaderOf(group)!.number)
      cluster.nodes[2]!.crash()
      await simulation.runFor(2000)
      for (const program of programs(cluster)) program.proposeAll()
      await simulation.runFor(2000)
      cluster.nodes[2]!.start()
      assert.ok(
        await simulation.runUntil(() => programs(cluster).length === 3 && allSleep(cluster), 3000),
        cluster.describe(),
      )
      assert.deepEqual(
        groups.map(({ group }) => cluster.leaderOf(group)!.number),
        leaders,
      )
    })
  })

  it('lose a leader whose disk is stalled, and only then', async () => {
    await simulate(seedOr(16), TITLE, async simulation => {
      const cluster = await asleep(simulation, 30)
      const stalled = leaderNode(cluster)
      const { number } = stalled.program!
      stalled.disk.options.syncMs = 400
      for (let i = 0; i < 40; i++) {
        for (const program of programs(cluster)) program.proposeAll()
        await simulation.runFor(50)
      }
      assert.equal(leaderNode(cluster).program!.number, number, 'a slow disk is none that is stalled')
      stalled.disk.options.syncMs = 60_000
      await simulation.runFor(1000)
      stalled.program!.proposeAll()
      await simulation.runFor(1000 + 800)
      assert.notEqual(leaderNode(cluster).program!.number, number)
      assert.ok(
        cluster.options.groups.every(({ group }) => stalled.program!.host.status(group)!.role !== 'leader'),
      )
      assert.equal(led(cluster), 30)
    })
  })

  it('notice a stalled disk even when nobody writes', async () => {
    await simulate(seedOr(17), TITLE, async simulation => {
      const cluster = await asleep(simulation, 30)
      const stalled = leaderNode(cluster)
      stalled.disk.options.syncMs = 60_000
      await simulation.runFor(3500)
      assert.ok(
        cluster.options.groups.every(
          ({ group }) => cluster.leaderOf(group)?.number !== stalled.program!.number,
        ),
      )
      assert.equal(led(cluster), 30)
    })
  })

  it('find out a living leader that ignores them, once an input waits', async () => {
    await simulate(seedOr(18), TITLE, async simulation => {
      const cluster = await asleep(simulation, 6)
      const ignoring = leaderNode(cluster).program!
      ignoring.host.close(1)
      await simulation.runFor(3000)
      assert.equal(cluster.leaderOf(1), undefined, 'nobody waits, and nobody asks')
      const follower = programs(cluster).find(program => program !== ignoring)!
      follower.host.expectProgress(1)
      follower.driver.wake()
      assert.ok(await simulation.runUntil(() => cluster.leaderOf(1) !== undefined, 1500), cluster.describe())
      await simulation.runFor(100)
      assert.equal(cluster.leadersSeen, 7, 'another group has changed its leader')
    })
  })

  it('keep their leader when an input waits that the leader does not ignore', async () => {
    await simulate(seedOr(19), TITLE, async simulation => {
      const cluster = await asleep(simulation, 6)
      for (let i = 0; i < 20; i++) {
        for (const { host, driver } of programs(cluster)) {
          for (const group of host.groups()) host.expectProgress(group)
          driver.wake()
        }
        await simulation.runFor(100)
      }
      assert.equal(cluster.leadersSeen, 6)
      assert.ok(await simulation.runUntil(() => allSleep(cluster), 2000))
    })
  })
})

describe('the promises of support', function () {
  this.timeout(20_000)

  /**
   * The leader's node is far away, so that its followers must promise it much, and is cut off. They are restarted at
   * once, and are near to each other.
   */
  async function restartedFollowers(seed: number, bug?: string): Promise<void> {
    const { Cluster } = await clusters(bug)
    await simulate(seed, TITLE, async simulation => {
      const cluster = new Cluster(simulation, {
        nodes: 3,
        groups: plans(6),
        host: { electionMs: 60 },
      })
      simulation.network.configure({ reconnectMs: 5 })
      for (const near of ['n2', 'n3']) {
        simulation.network.links.set('n1', near, { delayMs: 100 })
        simulation.network.links.set(near, 'n1', { delayMs: 100 })
      }
      const leads = (): boolean => allSleep(cluster) && cluster.leaderOf(1)?.number === 1
      for (let i = 0; i < 10 && !leads(); i++) {
        for (const { host, driver } of programs(cluster)) {
          for (const group of host.groups()) host.transfer(group, 1)
          driver.wake()
        }
        await simulation.runFor(2000)
      }
      assert.ok(leads(), cluster.describe())
      simulation.network.links.partition(['n1'], ['n2', 'n3'])
      for (const node of cluster.nodes.slice(1)) {
        node.crash({ silent: true })
        node.start()
      }
      await simulation.runFor(3000)
      assert.ok(
        programs(cluster).some(({ number, host }) => host.status(1)!.role === 'leader' && number !== 1),
      )
    })
  }

  it('outlive a restart: nobody is elected while the old leader may count on them', async () => {
    for (let seed = 1; seed <= 3; seed++) await restartedFollowers(seed)
  })

  /** The leader's clock is slow, the others' fast, and it is cut off: is its lease over when theirs is? */
  async function skewed(seed: number, slow: number, fast: number, bug?: string): Promise<void> {
    const { Cluster } = await clusters(bug)
    await simulate(seed, TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 3, groups: plans(6), disk: { syncMs: 0.05 } })
      for (const node of cluster.nodes)
        node.clock.skew = { wallOffsetMs: 0, rate: node.name === 'n1' ? slow : fast }
      simulation.network.links.setAll({ delayMs: 0.02, jitterMs: 0 })
      assert.ok(await simulation.runUntil(() => allSleep(cluster), 5000))
      for (let i = 0; i < 20; i++) {
        for (const program of programs(cluster)) program.proposeAll()
        await simulation.runFor(20)
        simulation.network.links.partition(['n1'], ['n2', 'n3'])
        await simulation.runFor(simulation.random.between(300, 400))
        simulation.network.links.heal()
        await simulation.runFor(1500)
        for (const { host: groups, number } of programs(cluster)) {
          if (number !== 1) for (const group of groups.groups()) groups.transfer(group, 1)
        }
        await simulation.runFor(700)
      }
      assert.equal(cluster.leaderOf(1)?.number, 1)
    })
  }

  it('end later than what the leader makes of them, as long as clocks drift apart by less than 5 %', async () => {
    await skewed(1, 0.977, 1.023)
    await skewed(2, 1.02, 0.98)
  })

  it('are seen to be forgotten at a restart (a planted bug)', async () => {
    await assert.rejects(async () => {
      for (let seed = 1; seed <= 10; seed++) await restartedFollowers(seed, 'forgets-support')
    }, /has the lease/)
  })

  it('are seen to be trusted under skew (a planted bug)', async () => {
    await assert.rejects(async () => {
      for (let seed = 1; seed <= 5; seed++) await skewed(seed, 0.977, 1.023, 'trusts-clocks')
    }, /has the lease/)
  })

  it('are seen to be slept on by a follower that never wakes (a planted bug)', async () => {
    const run = simulate(1, TITLE, async simulation => {
      const cluster = await asleep(simulation, 30, 'never-wakes')
      cluster.nodes[0]!.crash({ silent: true })
      assert.ok(await simulation.runUntil(() => led(cluster) === 30, 3000), 'groups without a leader')
    })
    await assert.rejects(run, /groups without a leader/)
  })
})
