import assert from 'node:assert/strict'
import { usurp } from '../../testnet/simulation/authorities/faults/usurping.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'

const TITLE = 'an authority of which one member claims to lead, and serves nobody'
const GROUP = 1
const LIAR = 2
const SECONDS = 120

describe(TITLE, function () {
  this.timeout(60_000)

  it('decides and answers for most of the time, in view after view', async () => {
    await simulate(seedOr(61), TITLE, async simulation => {
      const plan = { seed: simulation.seed, nodes: 4, groups: 1, replicas: 4, progressMs: 2_000 }
      const realm = new SimRealm(simulation, plan)
      await simulation.runFor(1_000)
      realm.addPlayers(3)
      await simulation.runFor(3_000)
      const membersOf = (): number[] => [1, 2, 3, 4]
      const { nodes, players, directory, judge } = realm
      const field = {
        ...{ simulation, nodes, players, directory, judge, forgetful: undefined },
        realm: realm.realm,
      }
      usurp({ ...field, votersOf: membersOf, membersOf }, realm.node(LIAR))
      const answered = (): number => players.reduce((sum, player) => sum + player.answered, 0)
      let good = 0
      for (let second = 0; second < SECONDS; second++) {
        const [height, before] = [judge.views.decidedHeight(GROUP), answered()]
        await simulation.runFor(1_000)
        if (judge.views.decidedHeight(GROUP) > height && answered() > before) good++
      }
      assert.ok(good > 0.8 * SECONDS, `progress in ${good} of ${SECONDS} seconds:\n${realm.describe()}`)
    })
  })
})
