import assert from 'node:assert/strict'
import { encoded } from '../../client/protocol/encode.ts'
import type { DecidedPoint } from '../../daemon/hosting/decided.ts'
import { writeSnapshotReply } from '../../daemon/hosting/snapshot.pb.js'
import { decodeSnapshotReply } from '../../daemon/hosting/snapshot-answers.ts'
import { snapshotProtocol } from '../../daemon/hosting/snapshot-server.ts'
import type { Channel, Network } from '../../daemon/ports.ts'
import { parseSnapshotKey, snapshotChunkKey, snapshotRange } from '../../storage/keys.ts'
import { leafBundleOp } from '../../storage/log/bodies-here.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { leafDataBytes, leafDataHashes } from '../../storage/log/record.ts'
import { MerkleLog, tileWidth } from '../../storage/log/tree.ts'
import { type ChunkInfo, decodeManifest, encodeManifest } from '../../storage/snapshot/manifest.ts'
import { HONEST, type Wiring } from '../../testnet/simulation/authorities/daemon.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'
import type { Simulation } from '../../testnet/simulation/simulation.ts'

const GROUP = 1
const AWAY = 5
const TITLE = 'a replica that was away for long'

/** What any replica has sealed counts as decided, for all: votes are no part of this. */
function wiring(bends?: (network: Network) => Network, keep?: number): Wiring {
  let decided: DecidedPoint | undefined
  return {
    ...HONEST,
    engineNetwork: network => bends?.(network) ?? network,
    engineOptions: (_self, engine) => ({
      recordsReplayed: 100,
      ...(keep !== undefined && { keepBodies: { kind: 'records', records: keep } as const }),
      final: () => decided,
      onSeal: (group, { size, root }) => {
        const point = { size, root, certificate: new Uint8Array(0) }
        if (size > (decided?.size ?? 0)) decided = point
        engine()?.authority(group)?.final(point)
        return []
      },
    }),
  }
}

async function afterAbsence(simulation: Simulation, wires: Wiring, records = 400): Promise<SimRealm> {
  const plan = { seed: simulation.seed, nodes: 5, groups: 1, replicas: 5 }
  const realm = new SimRealm(simulation, plan, wires)
  await simulation.runFor(1_000)
  realm.addPlayers(6)
  await simulation.runFor(2_000)
  realm.node(AWAY).crash()
  const missed = sizeOn(realm, 1) + records
  assert.ok(await simulation.runUntil(() => sizeOn(realm, 1) > missed, 60_000), 'the others went on')
  return realm
}

const sizeOn = (realm: SimRealm, number: number): number =>
  realm.authorityOn(number, GROUP)?.authority.replica.log.size ?? 0

const isBack = (realm: SimRealm) => (): boolean => {
  const behind = sizeOn(realm, 1) - sizeOn(realm, AWAY)
  return sizeOn(realm, AWAY) > 0 && behind < 20
}

/** Its log, of leaves with or without bodies, is the others', and its state too. */
async function assertWhole(realm: SimRealm): Promise<void> {
  const { replica } = realm.authorityOn(AWAY, GROUP)!.authority
  const size = replica.lastSeal!.size
  const logs: Uint8Array[] = []
  for (const number of [1, AWAY]) {
    const log = new MerkleLog(async () => undefined)
    for await (const { data } of new LogReader(realm.storeOf(number), GROUP).leaves(0, size))
      log.append(leafDataHashes(data))
    logs.push(log.root())
  }
  assert.deepEqual(logs[0], logs[1])
  assert.deepEqual(replica.lastSeal!.root, logs[1])
}

/** Snapshot frames that nodes were sent, by sender, and a way to bend those of the first that is asked twice. */
class Lines {
  readonly answered = new Map<string, number>()
  bend: ((frame: Uint8Array) => Uint8Array) | undefined
  liar: string | undefined

  readonly network = (network: Network): Network => ({
    self: network.self,
    peers: () => network.peers(),
    onPeer: listener => network.onPeer(listener),
    open: (peer, name) => network.open(peer, name),
    subscribe: (topic, maxBytes, listener) => network.subscribe(topic, maxBytes, listener),
    publish: (topic, data) => network.publish(topic, data),
    handle: (name, options, handler) =>
      network.handle(name, options, channel =>
        handler(name === snapshotProtocol ? this.#bent(network.self, channel) : channel),
      ),
  })

  #bent(self: string, channel: Channel): Channel {
    const send = channel.send.bind(channel)
    channel.send = frame => {
      const answered = (this.answered.get(self) ?? 0) + 1
      this.answered.set(self, answered)
      // The manifest comes first.
      if (this.bend !== undefined && answered > 1) this.liar ??= self
      return send(this.bend !== undefined && this.liar === self ? this.bend(frame) : frame)
    }
    return channel
  }
}

/** Bends the lists of chunks that a node sends. */
function withChunks(change: (chunks: readonly ChunkInfo[]) => readonly ChunkInfo[]) {
  return (frame: Uint8Array): Uint8Array => {
    const reply = decodeSnapshotReply(frame)
    const manifest = reply?.data && decodeManifest(reply.data)
    if (reply === undefined || !manifest) return frame
    const data = encodeManifest({ ...manifest, chunks: change(manifest.chunks) })
    return encoded(writeSnapshotReply, { ...reply, data })
  }
}

/** True in all that is proven of it, and of chunks that there are not. */
const withFalseChunks = withChunks(chunks => chunks.map(chunk => ({ ...chunk, entries: chunk.entries + 1 })))

/** The same, and nothing but the list. */
function withheld(frame: Uint8Array): Uint8Array {
  const reply = decodeSnapshotReply(frame)!
  if (reply.data === undefined || decodeManifest(reply.data) !== undefined) return withFalseChunks(frame)
  return encoded(writeSnapshotReply, { ...reply, code: 'gone', data: undefined, proof: undefined })
}

describe(TITLE, function () {
  this.timeout(180_000)

  it('takes over a snapshot that the members decided, from all of them at once, then the tail', async () => {
    await simulate(seedOr(41), TITLE, async simulation => {
      const lines = new Lines()
      const realm = await afterAbsence(simulation, wiring(lines.network))
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      await simulation.runFor(2_000)
      assert.ok(lines.answered.size >= 3, `asked were ${[...lines.answered.keys()]}`)
      await assertWhole(realm)
      // The bodies of what it missed come later, since all are to be kept.
      const hasAll = async () => (await new LogReader(realm.storeOf(AWAY), GROUP).bodiesHere()).gapTo === 0
      for (let seconds = 0; seconds < 20 && !(await hasAll()); seconds++) await simulation.runFor(1_000)
      assert.ok(await hasAll())
      let count = 0
      for await (const _ of new LogReader(realm.storeOf(AWAY), GROUP).records(0, sizeOn(realm, AWAY)))
        count += 1
      assert.ok(count > 400)
    })
  })

  it('refuses what is not what was decided, names who sent it, and gets it elsewhere', async () => {
    await simulate(seedOr(42), TITLE, async simulation => {
      const lines = new Lines()
      const realm = await afterAbsence(simulation, wiring(lines.network), 700)
      lines.bend = frame => {
        const bent = frame.slice()
        bent[bent.length >> 1]! ^= 1
        return bent
      }
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      assert.equal(realm.judge.counters.get(`bad-chunks-of-${lines.liar}`), 1)
      assert.equal(realm.judge.counters.get('snapshot_bad_piece'), 1)
      await simulation.runFor(2_000)
      await assertWhole(realm)
    })
  })

  it('believes the list of chunks that most members send, not the one that comes first', async () => {
    await simulate(seedOr(45), TITLE, async simulation => {
      const lying = (network: Network): Network => {
        const handle = network.handle.bind(network)
        network.handle = (name, options, handler) =>
          handle(name, options, channel => {
            const send = channel.send.bind(channel)
            if (name === snapshotProtocol && network.self === 'n2')
              channel.send = frame => send(withFalseChunks(frame))
            handler(channel)
          })
        return network
      }
      const realm = await afterAbsence(simulation, wiring(lying))
      // What lies comes before any other.
      for (const other of ['n1', 'n3', 'n4']) simulation.network.links.set(other, `n${AWAY}`, { delayMs: 30 })
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      assert.equal(realm.judge.counters.get('snapshot_bad_piece') ?? 0, 0, 'nobody honest is blamed')
      assert.equal(realm.judge.counters.get('snapshot_not_taken') ?? 0, 0)
      await simulation.runFor(2_000)
      await assertWhole(realm)
    })
  })

  for (const [what, forged, blamed] of [
    ['leaves chunks out', withChunks(() => []), 1],
    ['is of chunks that its sender then withholds', withheld, undefined],
  ] satisfies [string, (frame: Uint8Array) => Uint8Array, number | undefined][]) {
    it(`turns to the one honest holder at once where a list comes first that ${what}`, async () => {
      await simulate(seedOr(46), TITLE, async simulation => {
        const network = (network: Network): Network => {
          const handle = network.handle.bind(network)
          network.handle = (name, options, handler) =>
            handle(name, options, channel => {
              const send = channel.send.bind(channel)
              if (name !== snapshotProtocol || network.self === 'n2') return handler(channel)
              // The others have no state.
              if (network.self !== 'n1') return channel.close('busy')
              channel.send = frame => send(forged(frame))
              handler(channel)
            })
          return network
        }
        const realm = await afterAbsence(simulation, wiring(network, 100), 600)
        realm.node(AWAY).start()
        assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
        const { counters } = realm.judge
        const blames = [counters.get('bad-chunks-of-n1'), counters.get('snapshot_bad_piece')]
        assert.deepEqual(blames, [blamed, blamed])
        assert.equal(counters.get('snapshot_not_taken') ?? 0, 0)
        await simulation.runFor(2_000)
        await assertWhole(realm)
      })
    })
  }

  it('goes on after crashes at any write', async () => {
    await simulate(seedOr(43), TITLE, async simulation => {
      const realm = await afterAbsence(simulation, wiring())
      const node = realm.node(AWAY)
      for (let write = 1; write < 40 && !isBack(realm)(); write += 2) {
        if (!node.alive) node.start()
        node.disk.crashAtWrite(write)
        await simulation.runFor(600)
      }
      node.disk.crashAtWrite(1_000_000)
      if (!node.alive) node.start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      await simulation.runFor(2_000)
      await assertWhole(realm)
      realm.node(AWAY).restart()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), 'it starts from what it took over')
      await assertWhole(realm)
    })
  })

  it('comes back where the others have dropped the bodies of what it missed', async () => {
    await simulate(seedOr(44), TITLE, async simulation => {
      const lines = new Lines()
      const realm = await afterAbsence(simulation, wiring(lines.network, 100))
      await simulation.runFor(5_000)
      realm.node(AWAY).disk.wipe()
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      await simulation.runFor(2_000)
      assert.ok(lines.answered.size >= 3)
      await assertWhole(realm)
    })
  })

  it('comes back when it was stopped soon after it had taken a state over, and missed as much again', async () => {
    await simulate(seedOr(44), TITLE, async simulation => {
      const realm = await afterAbsence(simulation, wiring(undefined, 100))
      realm.node(AWAY).start()
      const takenOver = (): boolean => sizeOn(realm, AWAY) > 250
      assert.ok(await simulation.runUntil(takenOver, 20_000), realm.describe())
      realm.node(AWAY).crash()
      // The leaf data behind its last whole bundle is a part of one.
      const { gapTo } = await new LogReader(realm.storeOf(AWAY), GROUP).bodiesHere()
      assert.notEqual(gapTo % tileWidth, 0)
      const missed = gapTo + 900
      assert.ok(await simulation.runUntil(() => sizeOn(realm, 1) > missed, 60_000))
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      assert.equal(realm.judge.counters.get('snapshot_not_taken') ?? 0, 0)
      await simulation.runFor(2_000)
      await assertWhole(realm)
    })
  })

  it('keeps what came of a state while another one is tried, and nothing of it once one is whole', async () => {
    await simulate(seedOr(41), TITLE, async simulation => {
      let ends = true
      let ended = 0
      // Peers have the list of each state, and none of its pieces.
      const failing = (network: Network): Network => {
        const handle = network.handle.bind(network)
        network.handle = (name, options, handler) =>
          handle(name, options, channel => {
            const send = channel.send.bind(channel)
            let answers = 0
            channel.send = frame => {
              if (name !== snapshotProtocol || !ends || ++answers === 1) return send(frame)
              ended++
              channel.close('gone')
              return true
            }
            handler(channel)
          })
        return network
      }
      const realm = await afterAbsence(simulation, wiring(failing, 100), 700)
      const pieces = [70, 80, 90].map(size => ({ size, chunks: size / 10 }))
      for (const { size, chunks } of pieces)
        for (let i = 0; i < chunks; i++)
          realm.diskOf(AWAY).install([{ key: snapshotChunkKey(GROUP, size, i), value: new Uint8Array(9) }])
      const sizesHere = async (): Promise<number[]> => {
        const here = new Set<number>()
        for await (const { key } of realm.storeOf(AWAY).range(snapshotRange(GROUP)))
          here.add(parseSnapshotKey(key)!.leaf)
        return pieces.map(({ size }) => size).filter(size => here.has(size))
      }
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(() => ended > 3, 20_000), realm.describe())
      await simulation.runFor(1_000)
      assert.deepEqual(await sizesHere(), [80, 90])
      ends = false
      assert.ok(await simulation.runUntil(isBack(realm), 40_000), realm.describe())
      await simulation.runFor(2_000)
      await assertWhole(realm)
      assert.deepEqual(await sizesHere(), [])
    })
  })

  it('fetches all anew where pieces are on its disk that belong to what fell off', async () => {
    await simulate(seedOr(41), TITLE, async simulation => {
      const realm = await afterAbsence(simulation, wiring(undefined, 100), 700)
      const fallen = [0, 1].map(i => leafBundleOp(GROUP, i, new Uint8Array(tileWidth * leafDataBytes)))
      realm.diskOf(AWAY).install(fallen)
      realm.node(AWAY).start()
      assert.ok(await simulation.runUntil(isBack(realm), 20_000), realm.describe())
      assert.equal(realm.judge.counters.get('snapshot_not_taken'), 1)
      await simulation.runFor(2_000)
      await assertWhole(realm)
    })
  })
})
