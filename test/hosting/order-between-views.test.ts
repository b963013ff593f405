import assert from 'node:assert/strict'
import type { Beginning } from '../../daemon/hosting/opening.ts'
import { HONEST } from '../../testnet/simulation/authorities/daemon.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'

const TITLE = 'an order that comes while a view is entered'
const GROUP = 1
const MEMBERS = [1, 2, 3, 4]
const ORDER = { number: 1, voters: MEMBERS, learners: [], before: [] }

describe(TITLE, function () {
  this.timeout(20_000)

  it('opens no replica by itself: what fell off would not be proposed again, and nobody would stand first', async () => {
    await simulate(seedOr(51), TITLE, async simulation => {
      const plan = { seed: simulation.seed, nodes: 4, groups: 1, replicas: 4, progressMs: 3_000 }
      const realm = new SimRealm(simulation, plan, HONEST)
      await simulation.runFor(1_000)
      realm.addPlayers(3)
      await simulation.runFor(3_000)
      const { engine, finality } = realm.node(1).program!
      const enter = engine.enter.bind(engine)
      const isOpen = (): boolean => engine.authority(GROUP) !== undefined
      const seen: { taken: boolean; before: boolean; after: boolean }[] = []
      engine.enter = async (group: number, begin: Beginning) => {
        const taken = engine.changeMembers(group, ORDER).ok
        // As long as the signatures of what fell off may take to be checked.
        await new Promise<void>(resolve => simulation.schedule(undefined, 200, 'signatures', resolve))
        const before = isOpen()
        await enter(group, begin)
        seen.push({ taken, before, after: isOpen() })
      }
      for (const number of [1, 2]) realm.node(number).program!.finality!.suspect(GROUP, 'test')
      assert.ok(await simulation.runUntil(() => seen.length > 0, 10_000), realm.describe())
      assert.deepEqual(seen, [{ taken: true, before: false, after: true }])
      assert.equal(finality!.bringsOn(GROUP), false)
      const before = realm.judge.views.decidedHeight(GROUP)
      const goesOn = (): boolean => realm.judge.views.decidedHeight(GROUP) > before + 1
      assert.ok(await simulation.runUntil(goesOn, 10_000), realm.describe())
    })
  })
})
