import assert from 'node:assert/strict'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'
import type { Simulation } from '../../testnet/simulation/simulation.ts'

const TITLE = 'an authority whose view is changed'
const GROUP = 1
const MEMBERS = [1, 2, 3, 4]

/** An area on all of four nodes, who vote, with players. */
async function playing(simulation: Simulation): Promise<SimRealm> {
  const realm = new SimRealm(simulation, {
    ...{ seed: simulation.seed, nodes: 4, groups: 1, replicas: 4, progressMs: 3_000 },
  })
  await simulation.runFor(1_000)
  realm.addPlayers(3)
  await simulation.runFor(3_000)
  return realm
}

function viewOf(realm: SimRealm, number: number): number {
  return realm.node(number).program?.engine.status(GROUP)?.view ?? -1
}

async function assertProgress(realm: SimRealm, limitMs: number): Promise<void> {
  const { judge } = realm
  const before = realm.players.map(player => player.answered)
  const height = judge.views.decidedHeight(GROUP)
  const progressed = (): boolean =>
    realm.players.every((player, i) => player.answered > before[i]! + 2) &&
    judge.views.decidedHeight(GROUP) > height + 1
  assert.ok(await realm.simulation.runUntil(progressed, limitMs), `no progress:\n${realm.describe()}`)
}

function suspect(realm: SimRealm, ...numbers: readonly number[]): void {
  for (const number of numbers) realm.node(number).program!.finality!.suspect(GROUP, 'test')
}

async function isIn(realm: SimRealm, view: number): Promise<void> {
  const all = (): boolean => MEMBERS.every(number => viewOf(realm, number) === view)
  const seen = (): string => MEMBERS.map(number => viewOf(realm, number)).join()
  assert.ok(await realm.simulation.runUntil(all, 10_000), `views ${seen()}:\n${realm.describe()}`)
}

describe(TITLE, function () {
  this.timeout(60_000)

  it('goes on in a fresh Raft instance at what was decided, and its players play on', async () => {
    await simulate(seedOr(31), TITLE, async simulation => {
      const realm = await playing(simulation)
      await assertProgress(realm, 5_000)
      suspect(realm, 1, 2)
      await isIn(realm, 1)
      await assertProgress(realm, 10_000)
      for (const node of realm.nodes) node.restart()
      await isIn(realm, 1)
      await assertProgress(realm, 10_000)
    })
  })

  it('takes a node along whose disk was lost, and needs its vote when another one is away', async () => {
    await simulate(seedOr(32), TITLE, async simulation => {
      const realm = await playing(simulation)
      suspect(realm, 1, 2)
      await isIn(realm, 1)
      const lost = realm.node(4)
      lost.crash()
      lost.disk.wipe()
      lost.start()
      await isIn(realm, 1)
      const back = (): boolean => lost.program?.engine.status(GROUP)?.rejoining === undefined
      assert.ok(await simulation.runUntil(back, 20_000), realm.describe())
      await simulation.runFor(3_000)
      realm.node(3).crash()
      await assertProgress(realm, 40_000)
    })
  })
})
