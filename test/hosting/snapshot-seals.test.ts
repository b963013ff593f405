import assert from 'node:assert/strict'
import { SnapshotSeals } from '../../daemon/hosting/snapshot-seals.ts'
import { keptSnapshots } from '../../daemon/hosting/snapshots.ts'
import type { Clock } from '../../daemon/ports.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'

const GROUP = 1
const TITLE = 'the seals of kept states'

describe(TITLE, function () {
  this.timeout(60_000)

  it('are looked for once, however often a peer asks, and not again at once where there is none', async () => {
    await simulate(seedOr(45), TITLE, async simulation => {
      const realm = new SimRealm(simulation, { seed: simulation.seed, nodes: 3, groups: 1, replicas: 3 })
      await simulation.runFor(1_000)
      realm.addPlayers(3)
      await simulation.runFor(8_000)
      const store = realm.storeOf(1)
      const logSize = realm.authorityOn(1, GROUP)!.authority.replica.log.size
      const [oldest] = await keptSnapshots(store, GROUP)
      let nowMs = 0
      const clock: Clock = { wallMs: () => 0, monotonicMs: () => nowMs, after: () => () => {} }
      const seals = new SnapshotSeals(store, clock)
      const asked = Array.from({ length: 50 }, () => seals.find(GROUP, oldest!.size, logSize))
      const leaves = (await Promise.all(asked)).map(seal => seal!.leaf)
      assert.equal(new Set(leaves).size, 1)
      assert.ok(leaves[0]! >= oldest!.size)
      assert.equal(seals.scans, 1)
      for (let i = 0; i < 50; i++) assert.equal(await seals.find(GROUP, oldest!.size + 1, logSize), undefined)
      assert.equal(seals.scans, 2)
      nowMs += 6_000
      assert.equal(await seals.find(GROUP, oldest!.size + 1, logSize), undefined)
      assert.equal(seals.scans, 3)
    })
  })
})
