import assert from 'node:assert/strict'
import { parseManifest } from '../../audit/replay/snapshot.ts'
import { nextDrop, nextFill, parseKeepBodies } from '../../daemon/hosting/retention.ts'
import { allBodies } from '../../storage/log/bodies-here.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { leafDataHashes } from '../../storage/log/record.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { HONEST, type Wiring } from '../../testnet/simulation/authorities/daemon.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'

const GROUP = 1
const KEPT = 200

/** What is sealed counts as final here; a quorum of votes is not at hand. */
const RETAINING: Wiring = {
  ...HONEST,
  engineOptions: (_self, engine) => ({
    keepBodies: { kind: 'records', records: KEPT },
    onSeal: (group, seal) => {
      engine()
        ?.authority(group)
        ?.final({ ...seal, certificate: new Uint8Array() })
      return []
    },
  }),
}

describe('the policy on old bodies', () => {
  it('is a number of records, a time, or all', () => {
    assert.deepEqual(parseKeepBodies('all'), { kind: 'all' })
    assert.deepEqual(parseKeepBodies('1000000'), { kind: 'records', records: 1_000_000 })
    assert.deepEqual(parseKeepBodies('36h'), { kind: 'time', ms: 36 * 3_600_000 })
    assert.deepEqual(parseKeepBodies('30d'), { kind: 'time', ms: 30 * 86_400_000 })
  })

  it('drops whole bundles, a bounded number at a time, and none that a snapshot or a seal may need', () => {
    const asked = { here: allBodies, size: 100_000, settledSize: 90_000 }
    assert.equal(nextDrop({ ...asked, keep: { kind: 'all' } }), undefined)
    assert.equal(nextDrop({ ...asked, keep: { kind: 'records', records: 1000 } }), 4096)
    assert.equal(nextDrop({ ...asked, keep: { kind: 'records', records: 99_000 } }), 768)
    assert.equal(nextDrop({ ...asked, keep: { kind: 'records', records: 99_900 } }), undefined)
    assert.equal(nextDrop({ ...asked, settledSize: 600, keep: { kind: 'records', records: 1000 } }), 512)
    assert.equal(nextDrop({ ...asked, settledSize: 0, keep: { kind: 'time', ms: 1 } }), undefined)
    const here = { from: 89_856, gapFrom: 0, gapTo: 0 }
    assert.equal(nextDrop({ ...asked, here, keep: { kind: 'records', records: 1000 } }), undefined)
  })

  it('wants back what a catch-up left out, unless it would go at once', () => {
    const here = { from: 0, gapFrom: 1000, gapTo: 9000 }
    const asked = { here, size: 100_000, settledSize: 90_000 }
    assert.deepEqual(nextFill({ ...asked, keep: { kind: 'all' } }), { from: 1000, to: 5096 })
    assert.equal(nextFill({ ...asked, keep: { kind: 'records', records: 1000 } }), undefined)
    assert.deepEqual(nextFill({ ...asked, keep: { kind: 'records', records: 95_000 } }), {
      from: 1000,
      to: 5096,
    })
    assert.equal(nextFill({ ...asked, here: allBodies, keep: { kind: 'all' } }), undefined)
  })
})

const TITLE = 'an authority that drops old bodies'

describe(TITLE, function () {
  this.timeout(60_000)

  it('serves every leaf and proof of its log as before, through crashes at any write', async () => {
    await simulate(seedOr(31), TITLE, async simulation => {
      const plan = { seed: simulation.seed, nodes: 3, groups: 1, replicas: 3 }
      const realm = new SimRealm(simulation, plan, RETAINING)
      await simulation.runFor(1_000)
      realm.addPlayers(6)
      const here = async (number: number) => {
        const store = realm.storeOf(number)
        return await new LogReader(store, GROUP).bodiesHere()
      }
      for (let round = 0; round < 12; round++) {
        const node = realm.node(1 + (round % 3))
        node.disk.crashAtWrite(1 + simulation.random.below(40))
        await simulation.runFor(1_500)
        if (!node.alive) node.start()
        await simulation.runFor(700)
      }
      await simulation.runFor(6_000)
      // A simulated disk takes virtual time to be read.
      const read = async <T>(reading: Promise<T>): Promise<T> => {
        let isDone = false
        void reading.finally(() => (isDone = true))
        await simulation.runUntil(() => isDone, 1_000)
        return await reading
      }
      for (const number of [1, 2, 3]) {
        const { from } = await here(number)
        const { log } = realm.authorityOn(number, GROUP)!.authority.replica
        const size = log.size
        assert.ok(from > 0 && from <= size - KEPT, `n${number} has bodies from ${from} of ${size} leaves on`)
        const rebuilt = new MerkleLog(async () => undefined)
        for await (const { leaf, data, bodyBytes } of new LogReader(realm.storeOf(number), GROUP).leaves(
          0,
          size,
        )) {
          assert.equal(bodyBytes === undefined, leaf < from)
          rebuilt.append(leafDataHashes(data))
        }
        assert.deepEqual(await read(log.rootAt(rebuilt.size)), rebuilt.root())
        assert.ok(rebuilt.size > from)
        const { published } = realm.authorityOn(number, GROUP)!
        assert.match((await read(published.proof(0)))!, /^c2sp.org\/tlog-proof@v1\n/)
        assert.equal((await read(published.entries(0, 256)))?.length, 256 * 38)
        assert.equal(await read(published.bodies(0, 256)), undefined)
        assert.equal(await read(published.bodiesFrom(0)), from)
        const kept = await read(published.kept())
        assert.equal(kept.bodiesFrom, from)
        const state = kept.snapshots.find(at => at >= from)
        assert.ok(state !== undefined, 'an audit can begin where bodies do')
        const manifest = await read(published.snapshot(state, 'manifest'))
        assert.ok(manifest !== undefined && parseManifest(manifest) !== undefined)
        assert.ok((await read(published.snapshot(state, 0))) !== undefined)
        assert.deepEqual(
          (await read(published.leaves(from - 1, from + 1))).map(({ dropped }) => dropped),
          [true, false],
        )
      }
    })
  })
})
