import assert from 'node:assert/strict'
import { parseCertificate, verifyChain } from '../../audit/verify/certificate.ts'
import { KnownEpochs } from '../../client/protocol/epochs.ts'
import type { MemberOrder } from '../../daemon/hosting/orders.ts'
import { verifySimSignature } from '../../testnet/simulation/authorities/sim-key.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'
import type { Simulation } from '../../testnet/simulation/simulation.ts'
import { assertProgress } from './deciding.ts'

const TITLE = 'an authority whose members decide who comes after them'
const GROUP = 1
const FOUNDERS = [1, 2, 3, 4]
const NODES = 8

/** An area on nodes 1 to 4 of eight, who vote, with players. */
async function playing(simulation: Simulation): Promise<SimRealm> {
  const plan = { seed: simulation.seed, nodes: NODES, groups: 1, replicas: 4, progressMs: 3_000 }
  const realm = new SimRealm(simulation, plan)
  await simulation.runFor(1_000)
  realm.addPlayers(3)
  await simulation.runFor(3_000)
  return realm
}

function orderOf(number: number, voters: readonly number[], before: readonly number[]): MemberOrder {
  return { number, voters, learners: [], before }
}

/** As a directory would: every node that is up is told. */
function tell(realm: SimRealm, order: MemberOrder): void {
  for (const { program } of realm.nodes) program?.engine.changeMembers(GROUP, order)
}

function holders(realm: SimRealm): number[] {
  return realm.nodes.flatMap(({ program }, i) => (program?.engine.authority(GROUP) ? [i + 1] : []))
}

/** They alone hold it, in this epoch, and one of them leads. */
function isHeldBy(realm: SimRealm, epoch: number, members: readonly number[]): boolean {
  const all = members.every(number => {
    const status = realm.node(number).program?.engine.status(GROUP)
    return status?.epoch === epoch && status.members.voters.join() === members.join()
  })
  return all && holders(realm).join() === members.join() && realm.leaderOf(GROUP) !== undefined
}

async function comesTo(realm: SimRealm, epoch: number, members: readonly number[]): Promise<void> {
  const held = (): boolean => isHeldBy(realm, epoch, members)
  assert.ok(await realm.simulation.runUntil(held, 20_000), `${holders(realm)} hold it:\n${realm.describe()}`)
}

/** What this node shows proves to somebody who knows the founders who decides now, and no part of it can be left out. */
function leadsFromTheFounders(realm: SimRealm, number: number, epoch: number): void {
  const { origin } = realm.realm.areas[0]!
  const { finality } = realm.node(number).program!
  const keyOf = (node: number): Uint8Array => realm.realm.nodes[node - 1]!.vote.publicKey
  const members = FOUNDERS.map(node => ({ node, key: keyOf(node) }))
  const known = (): KnownEpochs => new KnownEpochs({ origin, epoch: 1, members }, verifySimSignature)
  const activations = finality!.activations(origin)
  const client = known()
  assert.equal(client.learn(activations.slice(0, 2)), undefined)
  assert.equal(client.learn(activations), undefined)
  assert.equal(client.newest, epoch)
  const certificate = parseCertificate(finality!.certificate(origin)!)!
  assert.ok(verifyChain(client.membersIn(epoch)!, [], certificate, verifySimSignature).ok)
  assert.deepEqual(
    client.leadingTo(epoch).map(it => Buffer.from(it)),
    activations.map(it => Buffer.from(it)),
  )
  assert.equal(known().learn(activations.toSpliced(1, 1)), 'broken-chain')
  assert.equal(known().learn([Uint8Array.of(1)]), 'malformed')
  const strangers = members.map(({ node }) => ({ node, key: keyOf(node + 1) }))
  const others = new KnownEpochs({ origin, epoch: 1, members: strangers }, verifySimSignature)
  assert.equal(others.learn(activations), 'not-a-quorum')
}

describe(TITLE, function () {
  this.timeout(60_000)

  it('goes over to nodes that never had it, which learn that from certificates and decide on', async () => {
    await simulate(seedOr(41), TITLE, async simulation => {
      const realm = await playing(simulation)
      tell(realm, orderOf(1, [5, 6, 7, 8], FOUNDERS))
      await comesTo(realm, 2, [5, 6, 7, 8])
      await assertProgress(realm, GROUP, 10_000)
      for (const left of FOUNDERS) realm.node(left).crash()
      await assertProgress(realm, GROUP, 10_000)
      const { finality } = realm.node(7).program!
      assert.equal(finality!.activations(realm.realm.areas[0]!.origin).length, 1)
    })
  })

  it('changes one dead member for another, and takes the dead one for what it is when it comes back', async () => {
    await simulate(seedOr(42), TITLE, async simulation => {
      const realm = await playing(simulation)
      const dead = realm.leaderOf(GROUP)!
      const others = FOUNDERS.filter(number => number !== dead)
      realm.node(dead).crash()
      await assertProgress(realm, GROUP, 20_000)
      tell(realm, orderOf(1, [...others, 5], FOUNDERS))
      await comesTo(realm, 2, [...others, 5])
      await assertProgress(realm, GROUP, 10_000)
      realm.node(dead).start()
      await simulation.runFor(3_000)
      assert.deepEqual(holders(realm), [...others, 5])
      await assertProgress(realm, GROUP, 10_000)
      tell(realm, orderOf(2, FOUNDERS, [...others, 5]))
      await comesTo(realm, 3, FOUNDERS)
      await assertProgress(realm, GROUP, 10_000)
    })
  })

  it('is found by a member that was away through several changes', async () => {
    await simulate(seedOr(43), TITLE, async simulation => {
      const realm = await playing(simulation)
      realm.node(1).crash()
      const ways = [
        [2, 3, 4, 5],
        [3, 4, 5, 6],
        [4, 5, 6],
        [1, 5, 6, 7],
      ]
      let before = FOUNDERS
      for (const [i, members] of ways.entries()) {
        if (i === ways.length - 1) realm.node(1).start()
        await simulation.runFor(500)
        tell(realm, orderOf(i + 1, members, before))
        await comesTo(realm, i + 2, members)
        await assertProgress(realm, GROUP, 10_000)
        before = members
      }
      for (const node of realm.nodes) node.restart()
      await comesTo(realm, ways.length + 1, before)
      await assertProgress(realm, GROUP, 20_000)
      leadsFromTheFounders(realm, 7, ways.length + 1)
    })
  })

  it('comes to its members wherever crashes and changes of views catch it', async () => {
    await simulate(seedOr(44), TITLE, async simulation => {
      const realm = await playing(simulation)
      const sides = [FOUNDERS, [3, 4, 5, 6], [5, 6, 7, 8]]
      for (let round = 1; round <= 5; round++) {
        const [before, members] = [sides[(round - 1) % 3]!, sides[round % 3]!]
        const order = orderOf(round, members, before)
        tell(realm, order)
        await simulation.runFor(simulation.random.below(1_500))
        const struck = realm.node(1 + simulation.random.below(NODES))
        if (round % 2 === 0) struck.disk.crashAtWrite(1 + simulation.random.below(6))
        // One that gave a view up alone would wait for the next.
        else for (const { program } of realm.nodes) program?.finality?.suspect(GROUP, 'test')
        await simulation.runFor(simulation.random.below(2_000))
        struck.disk.crashAtWrite(Number.POSITIVE_INFINITY)
        if (struck.alive) struck.crash()
        await simulation.runFor(simulation.random.below(1_000))
        struck.start()
        await simulation.runFor(500)
        tell(realm, order)
        await comesTo(realm, round + 1, members)
        await assertProgress(realm, GROUP, 20_000)
      }
    })
  })

  it('is not handed to members that nobody ordered: the view of a leader that names them is given up', async () => {
    await simulate(seedOr(45), TITLE, async simulation => {
      const realm = await playing(simulation)
      const liar = realm.authorityOn(realm.leaderOf(GROUP)!, GROUP)!
      const cronies = [realm.leaderOf(GROUP)!, 7, 8].sort((a, b) => a - b)
      liar.authority.setNextMembers(cronies)
      await simulation.runFor(2_000)
      assert.deepEqual(liar.authority.replica.regime, { epoch: 2, members: cronies })
      await assertProgress(realm, GROUP, 30_000)
      const views = FOUNDERS.map(number => realm.node(number).program!.engine.status(GROUP)!)
      assert.deepEqual(
        views.map(({ epoch }) => epoch),
        [1, 1, 1, 1],
      )
      assert.ok(views.every(({ view }) => view > 0))
    })
  })
})
