import assert from 'node:assert/strict'
import type { MemberOrder } from '../../daemon/hosting/orders.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'
import type { Simulation } from '../../testnet/simulation/simulation.ts'

const TITLE = 'an authority whose members are changed'
const GROUP = 1
const ORDER: MemberOrder = { number: 1, voters: [3, 4, 5], learners: [], before: [1, 2, 3] }

/** Voters, and who has to leave for them. */
const SIDES = [
  [
    [1, 2, 3],
    [4, 5],
  ],
  [
    [3, 4, 5],
    [1, 2],
  ],
] as const

/** An area on nodes 1 to 3 of five, with players. */
async function playing(simulation: Simulation): Promise<SimRealm> {
  const realm = new SimRealm(simulation, { seed: simulation.seed, nodes: 5, groups: 1, replicas: 3 })
  await simulation.runFor(1_000)
  realm.addPlayers(3)
  await simulation.runFor(2_000)
  return realm
}

/** As a directory would: every node that is up is told. */
function tell(realm: SimRealm, order: MemberOrder): void {
  for (const { program } of realm.nodes) program?.engine.changeMembers(GROUP, order)
}

function holders(realm: SimRealm): number[] {
  return realm.nodes.flatMap(({ program }, i) => (program?.engine.authority(GROUP) ? [i + 1] : []))
}

/** They alone have replicas, and one of them leads with these members. */
function isHeldBy(realm: SimRealm, voters: readonly number[]): boolean {
  const leads = realm.nodes.some(({ program }) => {
    const status = program?.engine.status(GROUP)
    return status?.role === 'leader' && status.members.voters.join() === voters.join()
  })
  return leads && holders(realm).join() === voters.join()
}

async function assertProgress(realm: SimRealm, limitMs: number): Promise<void> {
  const before = realm.players.map(player => player.answered)
  const progressed = (): boolean => realm.players.every((player, i) => player.answered > before[i]! + 2)
  assert.ok(await realm.simulation.runUntil(progressed, limitMs), `no progress:\n${realm.describe()}`)
}

describe(TITLE, function () {
  this.timeout(60_000)

  it('moves to nodes that had no replica, and its players play on', async () => {
    await simulate(seedOr(21), TITLE, async simulation => {
      const realm = await playing(simulation)
      tell(realm, ORDER)
      assert.ok(await simulation.runUntil(() => isHeldBy(realm, [3, 4, 5]), 5_000), realm.describe())
      await assertProgress(realm, 5_000)
      // Those who left are not needed any more, nor do they come back as members.
      for (const left of [1, 2]) realm.node(left).crash()
      await assertProgress(realm, 10_000)
      for (const left of [1, 2]) realm.node(left).start()
      await simulation.runFor(2_000)
      assert.deepEqual(holders(realm), [3, 4, 5])
      assert.ok(realm.node(1).program!.mirrors.get(GROUP)!.live, 'a node that left has no feed')
      await assertProgress(realm, 5_000)
    })
  })

  it('has it all on the new nodes, also when its Raft log began later', async () => {
    await simulate(seedOr(22), TITLE, async simulation => {
      const realm = await playing(simulation)
      const isCompacted = (): boolean => (realm.node(1).program!.engine.status(GROUP)?.firstIndex ?? 0) > 10
      assert.ok(await simulation.runUntil(isCompacted, 30_000), 'the log was not compacted')
      tell(realm, ORDER)
      assert.ok(await simulation.runUntil(() => isHeldBy(realm, [3, 4, 5]), 10_000), realm.describe())
      assert.ok(realm.judge.counters.get('catch-ups')! >= 2)
      for (const node of realm.nodes) node.crash()
      for (const number of [4, 5, 1]) realm.node(number).start()
      await assertProgress(realm, 10_000)
    })
  })

  it('comes to its members through crashes of the old and the new, and goes on where it was after a restart', async () => {
    await simulate(seedOr(23), TITLE, async simulation => {
      const realm = await playing(simulation)
      for (let round = 1; round <= 6; round++) {
        const voters = round % 2 === 0 ? [1, 2, 3] : [3, 4, 5]
        const order = { number: round, voters, learners: [], before: SIDES[(round + 1) % 2]![0] }
        tell(realm, order)
        await simulation.runFor(simulation.random.below(300))
        const struck = realm.node(1 + simulation.random.below(5))
        struck.crash()
        await simulation.runFor(simulation.random.below(1_000))
        struck.start()
        await simulation.runFor(500)
        tell(realm, order)
        assert.ok(
          await simulation.runUntil(() => isHeldBy(realm, voters), 10_000),
          `${holders(realm)} after round ${round}:\n${realm.describe()}`,
        )
        await assertProgress(realm, 10_000)
      }
    })
  })

  it('is joined by a node that was away when those came who hold it now: the order names them', async () => {
    await simulate(seedOr(26), TITLE, async simulation => {
      const realm = await playing(simulation)
      realm.node(1).crash()
      tell(realm, { ...ORDER, voters: [4, 5] })
      assert.ok(await simulation.runUntil(() => isHeldBy(realm, [4, 5]), 10_000), realm.describe())
      realm.node(1).start()
      await simulation.runFor(1_000)
      tell(realm, { number: 2, voters: [1, 2, 3], learners: [], before: [4, 5] })
      assert.ok(await simulation.runUntil(() => isHeldBy(realm, [1, 2, 3]), 10_000), realm.describe())
      await assertProgress(realm, 10_000)
    })
  })

  it('has no replica left on a node that heard of its removal before it heard of the order', async () => {
    await simulate(seedOr(27), TITLE, async simulation => {
      const realm = await playing(simulation)
      tell(realm, { ...ORDER, voters: [1, 2, 3] })
      await simulation.runFor(500)
      realm.node(1).crash()
      const order = { ...ORDER, number: 2, voters: [2, 3, 4] }
      tell(realm, order)
      assert.ok(await simulation.runUntil(() => isHeldBy(realm, [2, 3, 4]), 10_000), realm.describe())
      realm.node(1).start()
      const isTold = (): boolean => realm.node(1).program?.engine.status(GROUP)?.isMember === false
      assert.ok(await simulation.runUntil(isTold, 5_000), realm.describe())
      await simulation.runFor(500)
      tell(realm, order)
      await simulation.runFor(2_000)
      assert.deepEqual(holders(realm), [2, 3, 4])
      assert.ok(realm.node(1).program!.mirrors.get(GROUP)!.live, 'a node that left has no feed')
      await assertProgress(realm, 5_000)
    })
  })

  it('is not shown by a replica that is no member', async () => {
    await simulate(seedOr(25), TITLE, async simulation => {
      const realm = await playing(simulation)
      // Only this node hears of an order that will never be carried out.
      const early = realm.node(4)
      early.program!.engine.changeMembers(GROUP, { ...ORDER, voters: [1, 2, 4] })
      await simulation.runFor(1_000)
      assert.deepEqual(holders(realm), [1, 2, 3, 4])
      early.restart()
      await simulation.runFor(2_000)
      assert.deepEqual(holders(realm), [1, 2, 3, 4])
      const { entities } = early.program!.mirrors.get(GROUP)!
      const world = realm.authorityOn(realm.leaderOf(GROUP)!, GROUP)!.authority.replica.area!
      assert.equal(entities.size, [...world.entities()].length)
      await assertProgress(realm, 5_000)
    })
  })

  it('has no replica left on a node that crashed between its removal and the end of its replica', async () => {
    await simulate(seedOr(25), TITLE, async simulation => {
      const realm = await playing(simulation)
      let caught = 0
      for (let round = 1; round <= 8 && caught < 3; round++) {
        const [voters, leaving] = SIDES[round % 2]!
        tell(realm, { number: round, voters, learners: [], before: SIDES[(round + 1) % 2]![0] })
        const knows = (number: number): boolean =>
          realm.node(number).program?.engine.status(GROUP)?.members.voters.join() === voters.join()
        assert.ok(await simulation.runUntil(() => leaving.some(knows), 10_000), realm.describe())
        // Until commits are written, too; after an election timeout it would be over.
        await simulation.runFor(210)
        for (const number of leaving.filter(knows)) {
          realm.node(number).program!.engine.driver.sync(() => {
            caught++
            realm.node(number).crash()
          })
        }
        await simulation.runFor(100)
        for (const number of leaving) if (!realm.node(number).alive) realm.node(number).start()
        await simulation.runFor(1_000)
        assert.ok(isHeldBy(realm, voters), `${holders(realm)} hold it after round ${round}`)
      }
      assert.ok(caught >= 3)
    })
  })

  it('refuses an order that is older, names strangers, or makes no sense', async () => {
    await simulate(seedOr(24), TITLE, async simulation => {
      const realm = await playing(simulation)
      const { engine } = realm.node(1).program!
      const told = (group: number, order: Partial<MemberOrder>): string => {
        const result = engine.changeMembers(group, { ...ORDER, ...order })
        return result.ok ? 'ok' : result.code
      }
      assert.equal(told(9, {}), 'unknown-authority')
      assert.equal(told(GROUP, { voters: [1, 9] }), 'malformed')
      assert.equal(told(GROUP, { voters: [] }), 'malformed')
      assert.equal(told(GROUP, { voters: [1, 2], learners: [2] }), 'malformed')
      assert.equal(told(GROUP, { voters: [1, 2, 4] }), 'ok')
      assert.equal(told(GROUP, {}), 'older-order')
      assert.equal(told(GROUP, { number: 2 }), 'ok')
      const banned = 9
      assert.equal(
        told(GROUP, { number: 3, before: [1, 2, banned] }),
        'ok',
        'who is to make room need be no node any more',
      )
    })
  })
})
