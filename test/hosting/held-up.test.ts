import assert from 'node:assert/strict'
import { encoded } from '../../client/protocol/encode.ts'
import { writeSnapshotReply } from '../../daemon/hosting/snapshot.pb.js'
import { decodeSnapshotReply } from '../../daemon/hosting/snapshot-answers.ts'
import { decodeSnapshotRequest, pieceKind, snapshotProtocol } from '../../daemon/hosting/snapshot-server.ts'
import { syncProtocol } from '../../daemon/hosting/sync.ts'
import type { Channel, Network } from '../../daemon/ports.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { HONEST, type Wiring } from '../../testnet/simulation/authorities/daemon.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'
import type { Simulation } from '../../testnet/simulation/simulation.ts'

const TITLE = 'a member between two views that somebody holds up'
const GROUP = 1
const AWAY = 4

/** These nodes answer on this protocol as `bend` does. */
function bent(
  protocol: string,
  bend: (channel: Channel) => void,
  by = ['n1'],
): (network: Network) => Network {
  return network => {
    if (!by.includes(network.self)) return network
    const handle = network.handle.bind(network)
    network.handle = (name, options, handler) =>
      handle(name, options, channel => {
        if (name === protocol) bend(channel)
        handler(channel)
      })
    return network
  }
}

async function playing(simulation: Simulation, wiring: Wiring): Promise<SimRealm> {
  const plan = { seed: simulation.seed, nodes: 4, groups: 1, replicas: 4, progressMs: 3_000 }
  const realm = new SimRealm(simulation, plan, wiring)
  await simulation.runFor(1_000)
  realm.addPlayers(3)
  await simulation.runFor(3_000)
  return realm
}

const sizeOn = (realm: SimRealm, number: number): number =>
  realm.authorityOn(number, GROUP)?.authority.replica.log.size ?? 0

const isBack = (realm: SimRealm) => (): boolean =>
  sizeOn(realm, AWAY) > 0 && sizeOn(realm, 1) - sizeOn(realm, AWAY) < 20

async function changeView(realm: SimRealm, to = 1): Promise<void> {
  for (const number of [1, 2]) realm.node(number).program!.finality!.suspect(GROUP, 'test')
  const viewOf = (number: number): number => realm.node(number).program?.engine.status(GROUP)?.view ?? -1
  const changed = (): boolean => [1, 2, 3].every(number => viewOf(number) === to)
  assert.ok(await realm.simulation.runUntil(changed, 10_000), realm.describe())
}

describe(TITLE, function () {
  this.timeout(60_000)

  it('takes an older state where one member offers the newest, and gives nothing of it', async () => {
    await simulate(seedOr(44), TITLE, async simulation => {
      let withheld = 0
      // It offers the manifest that it once sent, which stays true, and has no piece of it for anybody.
      let manifest: Uint8Array | undefined
      const engineNetwork = bent(snapshotProtocol, channel => {
        const [send, onFrame] = [channel.send.bind(channel), channel.onFrame.bind(channel)]
        let kind = 0
        channel.onFrame = listener =>
          onFrame(frame => {
            kind = decodeSnapshotRequest(frame)!.kind
            listener(frame)
          })
        channel.send = frame => {
          const reply = decodeSnapshotReply(frame)!
          if (reply.record !== undefined) manifest = frame
          if (kind === pieceKind.manifest && manifest !== undefined) return send(manifest)
          withheld++
          const nothing = { ...reply, code: 'not-here', data: undefined, proof: undefined }
          return send(encoded(writeSnapshotReply, nothing))
        }
      })
      const keepBodies = { kind: 'records', records: 100 } as const
      const realm = await playing(simulation, {
        ...HONEST,
        engineNetwork,
        engineOptions: self => ({ keepBodies, recordsBetweenSnapshots: self === 1 ? 20 : 110 }),
      })
      const missedFrom = sizeOn(realm, AWAY)
      realm.node(AWAY).crash()
      const dropped = async (): Promise<boolean> => {
        const here = [1, 2, 3].map(number => new LogReader(realm.storeOf(number), GROUP).bodiesHere())
        return (await Promise.all(here)).every(({ from }) => from > missedFrom)
      }
      for (let second = 0; second < 100 && !(await dropped()); second++) await simulation.runFor(1_000)
      await simulation.runFor(6_000)
      await changeView(realm)
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      assert.ok(withheld > 0, 'it was asked')
    })
  })

  it('reads what it missed from others when a peer lets it drip', async () => {
    await simulate(seedOr(41), TITLE, async simulation => {
      let dripped = 0
      const engineNetwork = bent(syncProtocol, channel => {
        const send = channel.send.bind(channel)
        let frames = 0
        channel.send = frame => {
          dripped++
          simulation.schedule(undefined, 2_500 * ++frames, 'drip', () => send(frame))
          return true
        }
      })
      const realm = await playing(simulation, { ...HONEST, engineNetwork })
      realm.node(AWAY).crash()
      await simulation.runFor(20_000)
      await changeView(realm)
      // So that it is asked first.
      for (const other of ['n2', 'n3']) simulation.network.links.set(other, `n${AWAY}`, { delayMs: 60 })
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      assert.ok(dripped > 0, 'it was asked')
    })
  })

  it('gives up what it reads for a view that is over, and enters the newer one at once', async () => {
    await simulate(seedOr(41), TITLE, async simulation => {
      let [silent, asked] = [false, 0]
      const silence = (channel: Channel): void => {
        const send = channel.send.bind(channel)
        channel.send = frame => {
          asked++
          return silent || send(frame)
        }
      }
      const engineNetwork = bent(syncProtocol, silence, ['n1', 'n2', 'n3'])
      const realm = await playing(simulation, { ...HONEST, engineNetwork })
      realm.node(AWAY).crash()
      await simulation.runFor(20_000)
      await changeView(realm)
      await simulation.runFor(3_000)
      silent = true
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(() => asked > 0, 10_000))
      await changeView(realm, 2)
      silent = false
      assert.ok(await simulation.runUntil(isBack(realm), 2_000), realm.describe())
    })
  })
})
