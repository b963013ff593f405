import assert from 'node:assert/strict'
import type { GroupHost } from '../../../consensus/groups/host.ts'
import type { GroupHostOptions, ReadDone } from '../../../consensus/groups/types.ts'
import { importUnder } from '../../../testnet/simulation/bugs/plant.ts'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import { mend, spread, startLoad, torment } from './chaos.ts'
import { Cluster, type GroupPlan } from './cluster.ts'
import { bytes, Wired } from './wired.ts'

const TITLE = 'reads'
const GROUP = 1

/** Three hosts of one group, led by the first; nothing is under way. */
function led(options: Partial<GroupHostOptions> = {}): Wired {
  const wired = new Wired([1, 2, 3], options)
  wired.openAll(GROUP)
  wired.elect(GROUP)
  wired.effects.length = 0
  return wired
}

const plans = (count: number): GroupPlan[] =>
  Array.from({ length: count }, (_, i) => ({ group: i + 1, voters: [1, 2, 3] }))

function done(wired: Wired, node: number): ReadDone[] {
  return wired.effects.flatMap(each => (each.node === node ? each.effects.reads : []))
}

function commitOf(host: GroupHost): number {
  return host.status(GROUP)!.commit
}

/** Ticks on every node, with all that follows from them, until the group sleeps everywhere and is covered. */
function sleep(wired: Wired): void {
  for (let i = 0; i < 300; i++) {
    for (const host of wired.hosts.values()) host.tick()
    wired.settle()
  }
  for (const host of wired.hosts.values()) assert.equal(host.status(GROUP)!.asleep, true)
  wired.effects.length = 0
}

const messages = (wired: Wired): number =>
  [...wired.hosts.values()].reduce((sum, host) => sum + host.messagesSent, 0)

describe(`${TITLE} by quorum`, () => {
  it('are confirmed by one round of heartbeats, however many wait', () => {
    const wired = led()
    const before = messages(wired)
    for (let context = 1; context <= 100; context++)
      assert.deepEqual(wired.host(1).read(GROUP, context), { ok: true })
    wired.carryOut()
    const answers = done(wired, 1)
    assert.deepEqual(
      answers.map(({ context }) => context),
      Array.from({ length: 100 }, (_, i) => i + 1),
    )
    const index = commitOf(wired.host(1))
    for (const answer of answers) {
      const { context } = answer
      assert.deepEqual(answer, { group: GROUP, context, ok: true, index, by: 'quorum' })
    }
    // A heartbeat to each follower, and its answer.
    assert.equal(messages(wired) - before, 4)
  })

  it('of a follower go to the leader in one message', () => {
    const wired = led()
    const before = messages(wired)
    for (let context = 1; context <= 50; context++) wired.host(2).read(GROUP, context)
    wired.carryOut()
    assert.equal(done(wired, 2).filter(answer => answer.ok && answer.by === 'quorum').length, 50)
    assert.equal(messages(wired) - before, 1 + 4 + 1)
  })

  it('come after all that was committed before they were asked for', () => {
    const wired = led()
    const proposed = wired.host(1).propose(GROUP, bytes('x'))
    wired.settle()
    assert.ok(proposed.ok)
    for (const node of [1, 2, 3]) wired.host(node).read(GROUP, node)
    wired.settle()
    for (const node of [1, 2, 3]) {
      const [answer] = done(wired, node)
      assert.ok(answer?.ok && answer.index >= proposed.index)
    }
  })

  it('are lost, and that is told, when another term begins before a quorum has answered', () => {
    const wired = led()
    wired.host(1).read(GROUP, 7)
    // Its heartbeats never arrive.
    wired.host(1).takeEffects()
    for (const node of [2, 3]) wired.host(node).peerDown(1)
    for (let i = 0; i < 400; i++) {
      for (const node of [2, 3]) wired.host(node).tick()
      wired.settle()
    }
    for (const node of [2, 3]) wired.host(node).peerUp(1)
    for (const node of [2, 3]) wired.host(node).propose(GROUP, bytes('x'))
    for (let i = 0; i < 10; i++) {
      for (const node of [2, 3]) wired.host(node).tick()
      wired.settle()
    }
    assert.deepEqual(
      done(wired, 1).map(answer => ({ context: answer.context, code: answer.ok ? 'ok' : answer.code })),
      [{ context: 7, code: 'lost' }],
    )
  })

  it('fail after a while when nobody answers', () => {
    const wired = led()
    for (const node of [1, 2, 3]) wired.host(node).read(GROUP, node)
    for (const node of [1, 2, 3]) wired.host(node).takeEffects()
    for (let i = 0; i < 300; i++) {
      wired.host(2).tick()
      wired.effects.push({ node: 2, effects: wired.host(2).takeEffects() })
    }
    const [answer, ...more] = done(wired, 2)
    assert.ok(answer !== undefined && !answer.ok && more.length === 0)
  })

  it('wait at a leader that has committed nothing in its term', () => {
    const wired = led()
    wired.host(1).transfer(GROUP, 2)
    // Until node 2 leads, and no further: its first entry is not even on its own disk.
    const hold = (): boolean => wired.host(2).status(GROUP)!.role === 'leader'
    for (let i = 0; i < 20 && !hold(); i++) {
      for (const [node, host] of wired.hosts) {
        const effects = host.takeEffects()
        wired.deliver(node, effects.send)
        if (effects.write !== undefined && !hold()) host.persisted(effects.write.cycle)
      }
    }
    assert.ok(hold())
    assert.deepEqual(wired.host(2).read(GROUP, 1), { ok: true })
    const effects = wired.host(2).takeEffects()
    assert.deepEqual(effects.reads, [])
    wired.deliver(2, effects.send)
    if (effects.write !== undefined) wired.host(2).persisted(effects.write.cycle)
    wired.settle()
    const [answer] = done(wired, 2)
    assert.ok(answer?.ok)
    assert.equal(answer.index, commitOf(wired.host(2)))
  })

  it('are refused with a code by who can not serve them', () => {
    const wired = new Wired([1, 2, 3], { limits: { maxReads: 2 } })
    assert.deepEqual(wired.host(1).read(GROUP, 1), { ok: false, code: 'unknown-group' })
    wired.openAll(GROUP)
    assert.deepEqual(wired.host(1).read(GROUP, 1), { ok: false, code: 'no-leader' })
    wired.elect(GROUP)
    wired.host(1).open({ group: 2, epoch: 1, view: 0, voters: [2, 3], learners: [] })
    assert.deepEqual(wired.host(1).read(2, 1), { ok: false, code: 'not-member' })
    assert.ok(wired.host(1).read(GROUP, 1).ok && wired.host(1).read(GROUP, 2).ok)
    assert.deepEqual(wired.host(1).read(GROUP, 3), { ok: false, code: 'busy' })
    wired.settle()
    assert.deepEqual(wired.host(1).read(GROUP, 3), { ok: true })
    wired.host(1).stop()
    assert.deepEqual(wired.host(1).read(GROUP, 4), { ok: false, code: 'stopped' })
  })

  it('wake a sleeping group, for a moment', () => {
    const wired = led()
    sleep(wired)
    wired.host(1).read(GROUP, 1)
    wired.settle()
    assert.equal(done(wired, 1).length, 1)
    assert.equal(wired.host(1).status(GROUP)!.asleep, false)
    sleep(wired)
  })
})

describe(`${TITLE} by lease`, () => {
  it('cost no message and wake nobody', () => {
    const wired = led({ leaseReads: true })
    sleep(wired)
    assert.ok(wired.host(1).holdsLease(GROUP))
    const before = messages(wired)
    wired.host(1).read(GROUP, 1)
    wired.settle()
    const index = commitOf(wired.host(1))
    assert.deepEqual(done(wired, 1), [{ group: GROUP, context: 1, ok: true, index, by: 'lease' }])
    assert.equal(messages(wired), before)
    assert.equal(wired.host(1).status(GROUP)!.asleep, true)
  })

  it('cost a follower one message and its answer, and wake nobody either', () => {
    const wired = led({ leaseReads: true })
    sleep(wired)
    const before = messages(wired)
    wired.host(3).read(GROUP, 1)
    wired.settle()
    const [answer] = done(wired, 3)
    assert.ok(answer?.ok && answer.by === 'lease')
    assert.equal(messages(wired) - before, 2)
    for (const host of wired.hosts.values()) assert.equal(host.status(GROUP)!.asleep, true)
  })

  it('wake a sleeping group whenever answers are late, also where one read follows the other without a pause', () => {
    const wired = led({ leaseReads: true })
    const follower = wired.host(2)
    let context = 0
    const isAwake = (): boolean => follower.status(GROUP)!.asleep === false
    /** A read is open at every tick. */
    const play = (ticks: number, arrive: boolean): void => {
      for (let i = 0; i < ticks; i++) {
        follower.read(GROUP, ++context)
        if (!arrive) follower.takeEffects()
        for (const host of wired.hosts.values()) host.tick()
        if (arrive) wired.settle()
      }
    }
    for (const round of [1, 2]) {
      play(400, true)
      assert.equal(isAwake(), false, `round ${round}`)
      // What it asks is lost, but for what comes last.
      play(12, false)
      assert.ok(isAwake(), `round ${round}`)
    }
  })

  it('go by quorum when the lease is given up', () => {
    const wired = led({ leaseReads: true })
    sleep(wired)
    wired.host(1).transfer(GROUP, 2)
    wired.host(1).read(GROUP, 1)
    const { reads } = wired.host(1).takeEffects()
    assert.deepEqual(reads, [])
  })
})

describe(`${TITLE} under faults`, function () {
  this.timeout(20_000)

  async function survive(seed: number, leaseReads: boolean): Promise<Cluster> {
    let cluster!: Cluster
    await simulate(seed, TITLE, async simulation => {
      cluster = new Cluster(simulation, { nodes: 3, groups: spread(3, 8), host: { leaseReads } })
      const stopLoad = startLoad(cluster, 25)
      const readers = (): void => {
        for (const { program } of cluster.nodes) program?.readAll()
        simulation.schedule(undefined, 20, '', readers)
      }
      readers()
      await torment(simulation, cluster, 6000)
      mend(simulation, cluster)
      await simulation.runFor(3000)
      stopLoad()
    })
    return cluster
  }

  it('by quorum never show less than anybody was told before', async () => {
    const { reads } = await survive(seedOr(601), false)
    assert.ok((reads.get('quorum') ?? 0) > 2000 && !reads.has('lease'), JSON.stringify([...reads]))
    assert.ok((reads.get('lost') ?? 0) > 0, JSON.stringify([...reads]))
  })

  it('by lease never do, with clocks that run 4 % apart', async () => {
    const { reads } = await survive(seedOr(602), true)
    assert.ok((reads.get('lease') ?? 0) > 2000, JSON.stringify([...reads]))
  })

  /** The leader of all is cut off again and again; others take over and commit, and it is asked all the while. */
  async function cutOff(
    seed: number,
    { slow, fast, bug }: { slow: number; fast: number; bug?: string },
  ): Promise<Cluster> {
    let cluster!: Cluster
    const under = await importUnder<typeof import('./cluster.ts')>(bug, import.meta.resolve('./cluster.ts'))
    await simulate(seed, TITLE, async simulation => {
      const host = { leaseReads: true }
      cluster = new under.Cluster(simulation, { nodes: 3, groups: plans(6), host, disk: { syncMs: 0.05 } })
      for (const { name, clock } of cluster.nodes)
        clock.skew = { wallOffsetMs: 0, rate: name === 'n1' ? slow : fast }
      simulation.network.links.setAll({ delayMs: 0.02, jitterMs: 0 })
      const busy = async (ms: number): Promise<void> => {
        for (const { program } of cluster.nodes) {
          program!.proposeAll()
          program!.readAll()
        }
        await simulation.runFor(ms)
      }
      await simulation.runFor(1000)
      for (let i = 0; i < 8; i++) {
        for (const { program } of cluster.nodes.slice(1))
          for (const group of program!.host.groups()) program!.host.transfer(group, 1)
        await simulation.runFor(900)
        // Groups that are awake lose their leader the moment that they may.
        for (let ms = 0; ms < simulation.random.between(20, 70); ms++) await busy(1)
        simulation.network.links.partition(['n1'], ['n2', 'n3'])
        for (let ms = 0; ms < 250; ms++) await busy(1)
        simulation.network.links.heal()
        await simulation.runFor(1000)
      }
    })
    return cluster
  }

  it('by lease end before another leader can commit, as long as clocks drift apart by less than 5 %', async () => {
    const { reads, leadersSeen } = await cutOff(1, { slow: 0.977, fast: 1.023 })
    assert.ok(leadersSeen > 10 && (reads.get('lease') ?? 0) > 1000, JSON.stringify([...reads]))
  })

  it('by lease are found stale where clocks drift further apart', async () => {
    await assert.rejects(cutOff(1, { slow: 0.7, fast: 1.3 }), /has the lease|was known/)
  })

  /** The leader's machine sleeps, its clocks with it, and wakes before its network does. */
  async function suspended(leaseReads: boolean): Promise<Cluster> {
    let cluster!: Cluster
    await simulate(1, TITLE, async simulation => {
      cluster = new Cluster(simulation, { nodes: 3, groups: plans(1), host: { leaseReads } })
      await simulation.runFor(2000)
      const asleep = cluster.nodes[cluster.leaderOf(GROUP)!.number - 1]!
      const others = cluster.nodes.filter(node => node !== asleep)
      simulation.network.links.partition(
        [asleep.name],
        others.map(({ name }) => name),
      )
      asleep.pause()
      asleep.clock.skew = { wallOffsetMs: 0, rate: 1e-6 }
      await simulation.runFor(2000)
      for (const { program } of others) program!.propose(GROUP)
      await simulation.runFor(100)
      asleep.clock.skew = { wallOffsetMs: 0, rate: 1 }
      asleep.resume()
      asleep.program!.read(GROUP)
      await simulation.runFor(20)
    })
    return cluster
  }

  it('by lease show the past where a machine was suspended, which is why they are not the default', async () => {
    await assert.rejects(suspended(true), /was known/)
    const { reads } = await suspended(false)
    assert.ok(!reads.has('quorum'), JSON.stringify([...reads]))
  })

  it('by lease are found stale when the lease is kept under skew (a planted bug)', async () => {
    const kept = cutOff(1, { slow: 0.977, fast: 1.023, bug: 'trusts-clocks' })
    await assert.rejects(kept, /has the lease|was known/)
  })
})
