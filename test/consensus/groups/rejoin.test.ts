import assert from 'node:assert/strict'
import { encodeFrames } from '../../../consensus/groups/frame.ts'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import { LOSES_DISK, mend, spread, startLoad, torment } from './chaos.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'

const TITLE = 'a replica whose disk was lost'
const GROUP = 1

/** Faults and lost disks for `ms`, then peace: every node votes again, and nothing that was acknowledged is gone. */
async function survive(seed: number, ms: number, options: ClusterOptions): Promise<Cluster> {
  let cluster!: Cluster
  await simulate(seed, TITLE, async simulation => {
    cluster = new Cluster(simulation, options)
    const stopLoad = startLoad(cluster, 25)
    await torment(simulation, cluster, ms, [LOSES_DISK, LOSES_DISK, LOSES_DISK])
    mend(simulation, cluster)
    await simulation.runFor(3000)
    stopLoad()
    for (let i = 0; i < 100 && !cluster.isSettled(); i++) await simulation.runFor(100)
    assert.ok(cluster.isSettled(), `not settled:\n${cluster.describe()}`)
  })
  return cluster
}

function statusOf(cluster: Cluster, number: number) {
  return cluster.nodes[number - 1]!.program?.host.status(GROUP)
}

describe(TITLE, function () {
  this.timeout(20_000)

  it('takes part again after many losses among other faults, in groups of three and of five', async () => {
    let losses = 0
    for (const seed of [seedOr(1), 2, 3, 4, 5, 6]) {
      const { simulation } = await survive(seed, 4000, { nodes: 5, groups: spread(5, 4), compactAt: 20 })
      losses += simulation.faults.get('wiped-disk') ?? 0
    }
    assert.ok(losses >= 6, `only ${losses} disks were lost`)
  })

  it('is caught when it takes part as if it were new (a planted bug)', async () => {
    await assert.rejects(async () => {
      const options = { nodes: 3, groups: spread(3, 4), forgetsLosses: true }
      for (let seed = 1; seed <= 5; seed++) await survive(seed, 4000, options)
    }, /diverged|two leaders|not delivered in order|not settled/)
  })

  it('keeps silent until every other voter has said where it is, then catches up, then votes', async () => {
    await simulate(seedOr(11), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 3, groups: [{ group: GROUP, voters: [1, 2, 3] }] })
      const stopLoad = startLoad(cluster, 25)
      await simulation.runFor(1000)
      const leader = cluster.leaderOf(GROUP)!.number
      const [lost, away] = [1, 2, 3].filter(number => number !== leader)
      cluster.nodes[away! - 1]!.crash()
      assert.ok(cluster.wipe(lost!))
      await simulation.runFor(5000)
      const silent = statusOf(cluster, lost!)!
      assert.deepEqual(silent.rejoining, { phase: 'silent', waitsFor: [away], index: 0, goal: 0 })
      assert.equal(silent.term, 0)
      // The two that are up are no quorum, since one of them is silent.
      assert.equal(cluster.leaderOf(GROUP), undefined)
      cluster.nodes[away! - 1]!.start()
      await simulation.runFor(3000)
      assert.equal(statusOf(cluster, lost!)!.rejoining, undefined)
      stopLoad()
      await simulation.runFor(500)
      assert.ok(cluster.isSettled(), cluster.describe())
      // Its vote counts again.
      cluster.nodes[away! - 1]!.crash()
      await simulation.runFor(2000)
      assert.ok(cluster.leaderOf(GROUP) !== undefined, cluster.describe())
    })
  })

  it('goes on where it was when it crashes in between, and a sleeping group is woken for it', async () => {
    await simulate(seedOr(12), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 3, groups: [{ group: GROUP, voters: [1, 2, 3] }] })
      await simulation.runFor(1000)
      for (let i = 0; i < 40; i++) cluster.leaderOf(GROUP)!.propose(GROUP, 100_000)
      await simulation.runFor(6000)
      const leader = cluster.leaderOf(GROUP)!
      assert.equal(leader.host.status(GROUP)!.asleep, true)
      const lost = leader.number === 1 ? 2 : 1
      cluster.wipe(lost)
      const phases = new Set<string>()
      for (let i = 0; i < 400; i++) {
        await simulation.runFor(5)
        const phase = statusOf(cluster, lost)?.rejoining?.phase
        if (phase === undefined) continue
        if (!phases.has(phase)) cluster.nodes[lost - 1]!.restart()
        phases.add(phase)
      }
      assert.deepEqual([...phases], ['silent', 'catching-up'])
      await simulation.runFor(3000)
      assert.ok(cluster.isSettled(), cluster.describe())
    })
  })

  it('believes only members that it was removed, since any other node could end it by saying so', () => {
    const host = new GroupHost({ self: 1, random: () => 0 })
    const instance = { group: GROUP, epoch: 1, view: 0 }
    const disk = { hardState: undefined, snapshot: undefined, entries: [], oldestCovered: 0 }
    host.open({ ...instance, voters: [1, 2, 3], learners: [] }, { ...disk, rejoin: { term: 0, index: 0 } })
    const [frame] = encodeFrames([{ instance, message: undefined, removedAt: 5 }], 1000)
    host.receive(4, frame!)
    assert.deepEqual(host.takeEffects().removed, [])
    assert.equal(host.counters().get('not-member'), 1)
    host.receive(2, frame!)
    assert.deepEqual(host.takeEffects().removed, [{ group: GROUP }])
  })

  it('is not asked for more than it can know: a group of one waits for its backup', async () => {
    await simulate(seedOr(13), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 1, groups: [{ group: GROUP, voters: [1] }] })
      await simulation.runFor(1000)
      const [node] = cluster.nodes
      assert.ok(cluster.leaderOf(GROUP) !== undefined)
      // Nobody else has what it held.
      node!.crash()
      node!.disk.wipe()
      cluster.lost.add(1)
      node!.start()
      await simulation.runFor(5000)
      assert.equal(cluster.leaderOf(GROUP), undefined)
      assert.equal(statusOf(cluster, 1)!.rejoining?.phase, 'silent')
    })
  })
})
