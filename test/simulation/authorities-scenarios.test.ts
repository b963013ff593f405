import assert from 'node:assert/strict'
import type { Network } from '../../daemon/ports.ts'
import { HONEST, type Wiring } from '../../testnet/simulation/authorities/daemon.ts'
import type { Mirror } from '../../testnet/simulation/authorities/mirror.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'
import type { Simulation } from '../../testnet/simulation/simulation.ts'
import type { Character } from '../../world/entity.ts'

const TITLE = 'one authority of three replicas'
const GROUP = 1

function found(simulation: Simulation, wiring: Partial<Wiring> = {}, nodes = 3): SimRealm {
  const plan = { seed: simulation.seed, nodes, groups: 1, replicas: 3 }
  return new SimRealm(simulation, plan, { ...HONEST, ...wiring })
}

async function playing(realm: SimRealm): Promise<number> {
  await realm.simulation.runFor(1_000)
  realm.addPlayers(3)
  await realm.simulation.runFor(2_000)
  return realm.leaderOf(GROUP)!
}

const roleOn = (realm: SimRealm, number: number): string | undefined =>
  realm.node(number).program?.engine.status(GROUP)?.role

/** Everybody gets answers again within `limitMs`. */
async function assertProgress(realm: SimRealm, limitMs: number): Promise<void> {
  const before = realm.players.map(player => player.answered)
  const progressed = (): boolean => realm.players.every((player, i) => player.answered > before[i]! + 2)
  assert.ok(await realm.simulation.runUntil(progressed, limitMs), `no progress:\n${realm.describe()}`)
}

/** The mirror has what the leader has. */
function shows(realm: SimRealm, mirror: Mirror): boolean {
  const leader = realm.leaderOf(GROUP)
  if (leader === undefined || !mirror.live) return false
  const world = realm.authorityOn(leader, GROUP)!.authority.replica.area!
  const owned = [...world.entities()]
  return (
    owned.length === mirror.entities.size &&
    owned.every(
      ({ id }) => mirror.entities.get(id) === Buffer.from(world.entityBytes(id)!).toString('base64'),
    )
  )
}

describe(TITLE, function () {
  this.timeout(60_000)

  it('goes on when the node that a returning replica catches up from hangs in the middle', async () => {
    await simulate(seedOr(11), TITLE, async simulation => {
      let hung = ''
      const realm = found(simulation, {
        engineNetwork: network => ({
          ...throughTo(network),
          open: async (peer, name) => {
            const channel = await network.open(peer, name)
            if (name === 'sync/1' && hung === '') {
              hung = peer
              simulation.node(peer).pause()
            }
            return channel
          },
        }),
      })
      const leader = await playing(realm)
      const away = realm.node((leader % 3) + 1)
      away.crash({ silent: true })
      await simulation.runFor(12_000)
      away.start()
      assert.ok(await simulation.runUntil(() => hung !== '', 5_000), 'nobody had to catch up')
      await assertProgress(realm, 15_000)
    })
  })

  it('is not led by a node whose disk hangs', async () => {
    await simulate(seedOr(13), TITLE, async simulation => {
      const realm = found(simulation)
      const leader = await playing(realm)
      realm.node(leader).disk.options.syncMs = 1_000_000
      await assertProgress(realm, 15_000)
    })
  })

  for (const hung of [1, 2, 3])
    it(`is shown as it is by a gateway elsewhere, whichever disk hangs (${hung})`, async () => {
      await simulate(seedOr(14), TITLE, async simulation => {
        const realm = found(simulation, {}, 4)
        await playing(realm)
        const mirror = realm.node(4).program!.mirrors.get(GROUP)!
        realm.node(hung).disk.options.syncMs = 1_000_000
        await assertProgress(realm, 15_000)
        await simulation.runFor(6_000)
        const isShown = (): boolean => shows(realm, mirror)
        assert.ok(await simulation.runUntil(isShown, 5_000), 'the gateway shows an old state')
      })
    })

  it('is not shown as it began by a node whose disk was lost, for as long as that waits for another one', async () => {
    await simulate(seedOr(15), TITLE, async simulation => {
      const realm = new SimRealm(simulation, { seed: simulation.seed, nodes: 5, groups: 1, replicas: 5 })
      const leader = await playing(realm)
      const away = realm.node((leader % 5) + 1)
      const lost = realm.node(((leader + 1) % 5) + 1)
      away.crash({ silent: true })
      lost.crash({ silent: true })
      lost.disk.wipe()
      lost.start()
      await simulation.runFor(6_000)
      const { engine, mirrors } = lost.program!
      const isShown = (): boolean => shows(realm, mirrors.get(GROUP)!)
      assert.ok(await simulation.runUntil(isShown, 5_000), 'its gateway shows an old state')
      assert.equal(engine.status(GROUP)!.rejoining?.phase, 'silent')
      away.start()
      const serves = (): boolean => engine.member(GROUP) !== undefined
      assert.ok(await simulation.runUntil(serves, 15_000), 'it never serves again')
      assert.equal(engine.status(GROUP)!.rejoining, undefined)
    })
  })

  it('is written to by a node that starts only once that has opened all that it holds', async () => {
    await simulate(seedOr(16), TITLE, async simulation => {
      const realm = new SimRealm(simulation, { seed: simulation.seed, nodes: 3, groups: 2, replicas: 3 })
      const leader = await playing(realm)
      const slow = realm.node((leader % 3) + 1)
      slow.crash()
      slow.disk.options.readMs = 100
      await simulation.runFor(500)
      slow.start()
      const before = slow.disk.writes
      const isUp = (): boolean => slow.program !== undefined
      const hasWritten = (): boolean => slow.disk.writes > before
      assert.ok(await simulation.runUntil(() => isUp() || hasWritten(), 20_000))
      assert.ok(!hasWritten(), 'it has written for an authority while it read another one')
      slow.disk.options.readMs = 0.1
      await simulation.runFor(1_000)
      assert.ok(hasWritten())
      await assertProgress(realm, 5_000)
    })
  })

  it('is not led by a replica that has halted', async () => {
    await simulate(seedOr(12), TITLE, async simulation => {
      const realm = found(simulation)
      const leader = await playing(realm)
      const halted = (leader % 3) + 1
      realm.judge.fail = () => {}
      // A state that no record made: the next seal shows it.
      const world = realm.authorityOn(halted, GROUP)!.authority.replica.area!
      for (const { id, kind } of world.entities()) {
        if (kind === 'character') (world.entity(id) as Character).health--
      }
      const hasHalted = (): boolean => realm.authorityOn(halted, GROUP)!.halted
      assert.ok(await simulation.runUntil(hasHalted, 5_000), 'it did not halt')
      const mirror = realm.node(halted).program!.mirrors.get(GROUP)!
      const statesBefore = mirror.states
      const isFed = (): boolean => mirror.live && mirror.states > statesBefore
      assert.ok(await simulation.runUntil(isFed, 5_000), "its node's gateway has no feed any more")
      let elected = 0
      for (let round = 0; round < 8; round++) {
        const last = realm.leaderOf(GROUP)
        if (last !== undefined) realm.node(last).crash()
        await simulation.runUntil(() => roleOn(realm, halted) === 'leader', 2_000)
        if (roleOn(realm, halted) === 'leader') elected++
        if (last !== undefined && last !== halted) realm.node(last).start()
        await assertProgress(realm, 10_000)
      }
      assert.ok(elected > 0, 'the halted replica was never elected')
    })
  })
})

function throughTo(network: Network): Network {
  return {
    self: network.self,
    peers: () => network.peers(),
    onPeer: listener => network.onPeer(listener),
    handle: (name, options, handler) => network.handle(name, options, handler),
    open: (peer, name) => network.open(peer, name),
    subscribe: (topic, maxBytes, listener) => network.subscribe(topic, maxBytes, listener),
    publish: (topic, data) => network.publish(topic, data),
  }
}
