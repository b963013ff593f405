import assert from 'node:assert/strict'
import { encodeGrant, grantMessage } from '../../daemon/disclosure/grant.ts'
import { originOf } from '../../daemon/genesis/genesis.ts'
import type { GenesisAuthority } from '../../daemon/genesis/schema.ts'
import { Membership, type MembershipParts } from '../../daemon/hosting/membership.ts'
import { type MemberOrder, Orders } from '../../daemon/hosting/orders.ts'
import { fetchBatches } from '../../daemon/hosting/sync.ts'
import { type SigningKey, signingKeyOf } from '../../daemon/identity/signing-key.ts'
import { type NodeViewParts, nodeView } from '../../daemon/node-view.ts'
import { NodeBook } from '../../daemon/nodes/book.ts'
import type { Clock, Network } from '../../daemon/ports.ts'
import { MemoryStore } from '../../storage/store-memory.ts'
import type { Wiring } from '../../testnet/simulation/authorities/daemon.ts'
import { nameOf } from '../../testnet/simulation/authorities/realm.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'
import type { Simulation } from '../../testnet/simulation/simulation.ts'

const TITLE = 'an org whose members change'
const GROUP = 1
const FOUNDERS = [1, 2, 3, 4]
const NEXT = [5, 6, 7, 8]

describe('who is to have what an authority does', () => {
  /** Founded by 1, 2 and 3; 1, 2 and 4 are its members now, as this node was shown. */
  async function membership(isHidden: boolean, ever = [1, 2, 3, 4]): Promise<Membership> {
    const hosted = { name: 'it', identity: { group: GROUP, members: [1, 2, 3], isHidden } } as never
    const orders = await Orders.load(new MemoryStore(), [])
    const views = { membersOf: () => [1, 2, 4], everMembersOf: () => ever }
    const parts = { known: new Map([[GROUP, hosted]]), orders, views } as unknown as MembershipParts
    orders.take(hosted, { number: 1, voters: [1, 2, 5], learners: [6], before: [1, 2, 3, 4] }, 1)
    return new Membership(parts)
  }
  const all = [1, 2, 3, 4, 5, 6, 7]

  it('of an org: its members, and those who are to come, but not who has left', async () => {
    const of = await membership(true)
    assert.deepEqual(
      all.filter(number => of.mayHave(GROUP, number)),
      [1, 2, 4, 5, 6],
    )
    assert.deepEqual(
      all.filter(number => of.isPresent(GROUP, number)),
      [1, 2, 4, 5, 6],
    )
  })

  it('of an area: whoever was a member', async () => {
    const of = await membership(false)
    assert.deepEqual(
      all.filter(number => of.mayHave(GROUP, number)),
      [1, 2, 3, 4, 5, 6],
    )
  })

  it('and whose signatures below its log count: of who is or was a member, or is to be one, not of a learner', async () => {
    const of = await membership(false, [1, 2, 3, 4, 7])
    assert.deepEqual(
      [...all, 8].filter(number => of.maySign(GROUP, number)),
      [1, 2, 3, 4, 5, 7],
    )
  })

  it('of none that there is not: nobody', async () => {
    const of = await membership(true)
    assert.ok(!of.mayHave(9, 1))
  })
})

describe('an order of members', () => {
  it('is taken when a member whom it replaces is no node any more: it is banned, or has left', async () => {
    const hosted = { name: 'it', identity: { group: GROUP, members: [1, 2, 3], isHidden: false } } as never
    const orders = await Orders.load(new MemoryStore(), [])
    const nodes = [1, 2, 4]
    const membership = new Membership({
      ...{ self: 1, known: new Map([[GROUP, hosted]]), orders, views: undefined },
      host: { introduce: () => {} },
      driver: { addOps: () => {}, sync: () => {} },
      isNode: (number: number) => nodes.includes(number),
      onMembers: () => {},
    } as unknown as MembershipParts)
    const order = { number: 1, voters: [1, 2, 4], learners: [], before: [1, 2, 3] }
    assert.equal(membership.refusalOf(GROUP, { ...order, voters: [1, 2, 5] }), 'malformed')
    assert.equal(membership.refusalOf(GROUP, order), undefined)
    assert.deepEqual(membership.change(GROUP, order), { ok: true })
    assert.deepEqual(membership.change(GROUP, order), { ok: false, code: 'older-order' })
    assert.equal(membership.refusalOf(9, order), 'unknown-authority')
  })
})

describe('a grant', () => {
  it('is good while its giver is a member: not for having founded the org, nor for being about to come', () => {
    const hash = new Uint8Array(32).fill(7)
    const keys = [1, 2, 3, 4].map(number => signingKeyOf(new Uint8Array(32).fill(number)))
    const book = new NodeBook(
      '',
      keys.map(({ publicKey }, i) => ({
        ...{ number: i + 1, peerId: `peer-${i + 1}`, operator: '', addresses: [], status: 'active' },
        keys: { identity: publicKey, vote: publicKey, cosign: publicKey, log: publicKey },
      })),
    )
    const guild = { name: 'org/guild', kind: 'org', group: GROUP, epoch: 0, members: [1, 2, 3] }
    const origin = originOf('sea', guild as GenesisAuthority)
    const view = nodeView({
      genesis: { hash, file: { network: 'sea', authorities: [guild] } },
      book,
      finality: { membersOf: () => [1, 2] },
      engine: { mayServe: () => [1, 2, 3, 4] },
      clock: { wallMs: () => 1 },
      withdrawn: { has: () => false },
    } as unknown as NodeViewParts)
    const isGood = (key: SigningKey, i: number): boolean => {
      const unsigned = { member: i + 1, expiresAtMs: 2, serial: new Uint8Array(16) }
      const signature = key.sign(grantMessage({ genesisHash: hash, origin }, unsigned))
      return view.discloses(origin, Buffer.from(encodeGrant({ ...unsigned, signature })).toString('base64'))
    }
    assert.deepEqual(keys.map(isGood), [true, true, false, false])
  })
})

/** A hidden authority on nodes 1 to 4 of eight, who vote, with players; and the way of each node to the others. */
async function playing(simulation: Simulation): Promise<{ realm: SimRealm; networks: Map<number, Network> }> {
  const networks = new Map<number, Network>()
  let last: Network
  const wiring: Wiring = {
    engineNetwork: network => (last = network),
    engineOptions: self => {
      networks.set(self, last)
      return {}
    },
  }
  const plan = { seed: simulation.seed, nodes: 8, groups: 1, replicas: 4, progressMs: 3_000, isHidden: true }
  const realm = new SimRealm(simulation, plan, wiring)
  await simulation.runFor(1_000)
  realm.addPlayers(3)
  await simulation.runFor(3_000)
  return { realm, networks }
}

/** They alone hold it in this epoch, and its players play on. */
async function comesTo(realm: SimRealm, epoch: number, members: readonly number[]): Promise<void> {
  const stands = (): boolean =>
    realm.nodes.every(({ program }, i) => {
      const status = program?.engine.status(GROUP)
      if (!members.includes(i + 1)) return program !== undefined && status === undefined
      return status?.epoch === epoch && status.members.voters.join() === members.join()
    })
  assert.ok(await realm.simulation.runUntil(stands, 20_000), realm.describe())
  const before = realm.players.map(({ answered }) => answered)
  const goesOn = (): boolean => realm.players.every(({ answered }, i) => answered > before[i]! + 2)
  assert.ok(await realm.simulation.runUntil(goesOn, 20_000), realm.describe())
}

describe(TITLE, function () {
  this.timeout(60_000)

  it('gives those who left nothing any more, is given what they have, and takes them back', async () => {
    await simulate(seedOr(46), TITLE, async simulation => {
      const { realm, networks } = await playing(simulation)
      const clock: Clock = {
        wallMs: () => simulation.nowMs,
        monotonicMs: () => simulation.nowMs,
        after: (delayMs, run) => simulation.schedule(undefined, delayMs, '', run),
      }
      const tell = (order: Omit<MemberOrder, 'learners'>): void => {
        for (const { program } of realm.nodes)
          program?.engine.changeMembers(GROUP, { ...order, learners: [] })
      }
      /** What becomes of it when one node asks another for the first record. */
      const asks = async (asker: number, asked: number): Promise<string> => {
        let outcome = ''
        const request = { group: GROUP, from: 0, to: 1 }
        fetchBatches(networks.get(asker)!, clock, nameOf(asked), request, () => {}).then(
          () => (outcome = 'given'),
          (error: Error) => (outcome = error.message),
        )
        await simulation.runUntil(() => outcome !== '', 5_000)
        return /given|not-served/.exec(outcome)?.[0] ?? outcome
      }
      assert.equal(await asks(5, 1), 'not-served')

      tell({ number: 1, voters: NEXT, before: FOUNDERS })
      await comesTo(realm, 2, NEXT)
      assert.equal(await asks(1, 5), 'not-served')
      assert.equal(await asks(5, 1), 'given')

      tell({ number: 2, voters: [1, 5, 6, 7], before: NEXT })
      await comesTo(realm, 3, [1, 5, 6, 7])
      assert.equal(await asks(8, 5), 'not-served')
      assert.equal(await asks(1, 8), 'given')
      for (const node of realm.nodes) node.restart()
      await comesTo(realm, 3, [1, 5, 6, 7])
      assert.equal(await asks(8, 5), 'not-served')
    })
  })
})
