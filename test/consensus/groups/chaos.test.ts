import assert from 'node:assert/strict'
import type { StoreError } from '../../../storage/store-error.ts'
import { HOME, LAN } from '../../../testnet/simulation/link.ts'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import { hasty, mend, spread, startLoad, torment } from './chaos.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'

const TITLE = 'group host under faults'

/** Faults for `ms`, then peace: everything must come together again, and go on. */
async function survive(seed: number, ms: number, options: ClusterOptions): Promise<Cluster> {
  let cluster!: Cluster
  await simulate(seed, TITLE, async simulation => {
    cluster = new Cluster(simulation, options)
    const stopLoad = startLoad(cluster, 25)
    await torment(simulation, cluster, ms)
    mend(simulation, cluster)
    await simulation.runFor(5000)
    const before = cluster.committedTotal()
    await simulation.runFor(1000)
    assert.ok(
      cluster.committedTotal() > before + 10 * options.groups.length,
      `no progress:\n${cluster.describe()}`,
    )
    stopLoad()
    // Everything that was acknowledged must be found again from the disks alone.
    for (const node of cluster.nodes) node.crash()
    mend(simulation, cluster)
    for (let i = 0; i < 100 && !cluster.isSettled(); i++) await simulation.runFor(100)
    assert.ok(cluster.isSettled(), `not settled:\n${cluster.describe()}`)
  })
  return cluster
}

describe(TITLE, function () {
  this.timeout(20_000)

  it('keeps one order on three nodes with twenty groups, and goes on when the faults end', async () => {
    const options = { nodes: 3, groups: spread(3, 20) }
    const cluster = await survive(seedOr(101), 7000, options)
    assert.ok(cluster.committedTotal() > 1000)
    for (const kind of [
      'crash',
      'crash-during-write',
      'pause',
      'partition',
      'one-way-partition',
      'lost-frame',
    ]) {
      assert.ok((cluster.simulation.faults.get(kind) ?? 0) > 0, `no ${kind} happened`)
    }
  })

  it('does so on five nodes with groups of three and five, compacting, and sending snapshots to who fell behind', async () => {
    const options = { nodes: 5, groups: spread(5, 20), compactAt: 20, disk: { keepsUnsyncedPrefix: true } }
    const cluster = await survive(seedOr(202), 6000, options)
    assert.ok(cluster.committedTotal() > 1000)
    assert.ok(cluster.offers > 0, 'no snapshot was needed')
  })

  it('stops what it hosts on a full disk, acknowledges nothing that it could not keep, and lets the others go on', async () => {
    await simulate(seedOr(303), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 3, groups: spread(3, 20) })
      const stopLoad = startLoad(cluster, 25)
      await simulation.runFor(2000)
      const full = cluster.nodes[0]!
      const { capacityBytes } = full.disk.options
      full.disk.options.capacityBytes = 0
      await simulation.runFor(3000)
      assert.deepEqual(
        full.program!.failures.map(error => (error as StoreError).code),
        ['full'],
      )
      const before = cluster.committedTotal()
      await simulation.runFor(1000)
      assert.ok(cluster.committedTotal() > before + 10 * 20, cluster.describe())
      assert.ok(cluster.options.groups.every(({ group }) => cluster.leaderOf(group) !== full.program))
      full.disk.options.capacityBytes = capacityBytes
      full.restart()
      await simulation.runFor(1000)
      stopLoad()
      await simulation.runFor(1000)
      assert.ok(cluster.isSettled(), `not settled:\n${cluster.describe()}`)
    })
  })

  it('does not start from a log that the disk gives back changed', async () => {
    const run = simulate(seedOr(404), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 3, groups: spread(3, 4) })
      startLoad(cluster, 25)
      await simulation.runFor(1000)
      const [node] = cluster.nodes
      node!.disk.options.flipRate = 0.05
      node!.restart()
      await simulation.runFor(1000)
    })
    await assert.rejects(run, /is damaged \(a checksum is wrong/)
  })

  it('holds bulk back for a slow link, keeps its leaders, and catches up afterwards', async () => {
    await simulate(seedOr(505), TITLE, async simulation => {
      const cluster = new Cluster(simulation, { nodes: 3, groups: spread(3, 4) })
      await simulation.runFor(1000)
      const { leadersSeen } = cluster
      // 1 MB/s, and four groups that offer 10 MB/s: node 3 cannot keep up.
      for (const from of ['n1', 'n2']) simulation.network.links.set(from, 'n3', { ...HOME, bytesPerMs: 1000 })
      for (let i = 0; i < 40; i++) {
        for (const node of cluster.nodes) node.program!.proposeAll(60_000)
        await simulation.runFor(25)
      }
      const pushedBack = cluster.nodes.map(node => node.program!.driver.counters.pushedBack)
      assert.ok(Math.max(...pushedBack) > 0, 'nothing was pushed back')
      assert.ok(!simulation.faults.has('buffer-overflow'))
      assert.equal(cluster.leadersSeen, leadersSeen, 'bulk has cost a leader its place')
      for (const node of cluster.nodes)
        if (node.program!.number !== 3) simulation.network.links.set(node.name, 'n3', LAN)
      await simulation.runFor(5000)
      assert.ok(cluster.isSettled(), `not settled:\n${cluster.describe()}`)
    })
  })

  it('runs the same way again from the same seed, faults and all', async () => {
    const options = { nodes: 3, groups: spread(3, 4) }
    const [first, again] = [await survive(7, 2000, options), await survive(7, 2000, options)]
    assert.equal(again.simulation.trace.digest(), first.simulation.trace.digest())
  })

  it('is caught when it acknowledges before the sync (a planted bug)', async () => {
    const options = { nodes: 3, groups: spread(3, 4), wrapStore: hasty }
    await assert.rejects(async () => {
      for (let seed = 1; seed <= 5; seed++) await survive(seed, 4000, options)
    }, /diverged|two leaders|is missing|not delivered in order|ends at|not settled/)
  })

  it('is caught when the disks lie about their syncs (a planted bug)', async () => {
    const options = { nodes: 3, groups: spread(3, 4), disk: { losesSyncs: true } }
    await assert.rejects(async () => {
      for (let seed = 1; seed <= 5; seed++) await survive(seed, 4000, options)
    }, /diverged|two leaders|is missing|not delivered in order|ends at|not settled/)
  })
})
