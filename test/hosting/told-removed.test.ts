import assert from 'node:assert/strict'
import { encodeFrames } from '../../consensus/groups/frame.ts'
import type { Channel } from '../../daemon/ports.ts'
import { HONEST, type Wiring } from '../../testnet/simulation/authorities/daemon.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'

const TITLE = 'an authority one of whose members tells the others that they were removed'
const GROUP = 1
const OTHERS = [2, 3, 4]

/** What node 1 says in Raft; from `begin` on nothing but lies. */
class Liar {
  #lies = false
  readonly #channels = new Set<(frame: Uint8Array) => boolean>()

  readonly engineNetwork: Wiring['engineNetwork'] = network => {
    if (network.self !== 'n1') return network
    const open = network.open.bind(network)
    network.open = async (peer, protocol) => {
      const channel = await open(peer, protocol)
      if (protocol === 'raft/1') this.#take(channel)
      return channel
    }
    return network
  }

  #take(channel: Channel): void {
    const send = channel.send.bind(channel)
    this.#channels.add(send)
    channel.send = frame => this.#lies || send(frame)
  }

  /** To all whom it reaches, of each view that they may be in. */
  tell(view: number): void {
    this.#lies = true
    for (const each of [view, view + 1]) {
      const instance = { group: GROUP, epoch: 1, view: each }
      const lie = { instance, message: undefined, removedAt: 2 ** 40 }
      for (const send of this.#channels) for (const frame of encodeFrames([lie], 1e6)) send(frame)
    }
  }
}

describe(TITLE, function () {
  this.timeout(20_000)

  it('goes on: its voters know that no word of one of them ends their part in it', async () => {
    await simulate(seedOr(41), TITLE, async simulation => {
      const liar = new Liar()
      const plan = { seed: simulation.seed, nodes: 4, groups: 1, replicas: 4, progressMs: 3_000 }
      const realm = new SimRealm(simulation, plan, { ...HONEST, engineNetwork: liar.engineNetwork })
      await simulation.runFor(1_000)
      realm.addPlayers(3)
      await simulation.runFor(3_000)
      const before = realm.judge.views.decidedHeight(GROUP)
      const statuses = () => OTHERS.map(number => realm.node(number).program!.engine.status(GROUP))
      const goOnLying = (): void => {
        liar.tell(Math.max(...statuses().map(status => status?.view ?? 0)))
        simulation.schedule(undefined, 5, 'lie', goOnLying)
      }
      goOnLying()
      await simulation.runFor(500)
      for (const number of OTHERS) realm.node(number).program!.finality!.suspect(GROUP, 'test')
      await simulation.runFor(10_000)
      const after = realm.judge.views.decidedHeight(GROUP)
      assert.ok(after > before + 3, `${after - before} seals decided:\n${realm.describe()}`)
      for (const status of statuses()) assert.equal(status?.isMember, true)
    })
  })
})
