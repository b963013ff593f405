/**
 * One node of the `raft` level, as a process of its own: group host, driver, LevelDB, and the libp2p network of ours.
 * Payloads are records of batches, as an authority makes them; every replica decodes, hashes and stores them.
 */
import { GroupDriver } from '../../../consensus/groups/driver.ts'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { type CommittedEntry, DEFAULT_LIMITS, TICK_MS } from '../../../consensus/groups/types.ts'
import { RaftLanes } from '../../../daemon/hosting/raft-lanes.ts'
import { createLogger } from '../../../daemon/log.ts'
import { startNetwork } from '../../../daemon/network/network.ts'
import { Peers } from '../../../daemon/nodes/peers.ts'
import { atEndOfTurn, realClock, realRandom } from '../../../daemon/real-ports.ts'
import { batchOp, tileOps } from '../../../storage/log/log-store.ts'
import { decodeBatch, leafHashes } from '../../../storage/log/record.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { openLevelStore } from '../../../storage/store-level.ts'
import type { Stretch } from './measure.ts'
import { ProposalLoop } from './proposal-loop.ts'

export interface RaftNodeSetup {
  readonly number: number
  readonly dir: string
  readonly nodes: readonly { readonly number: number; readonly peerId: string; readonly address: string }[]
  readonly identitySeed: string
}

export type RaftNodeMessage =
  | { readonly type: 'role'; readonly leading: boolean }
  | {
      readonly type: 'measured'
      readonly count: number
      readonly elapsedMs: number
      readonly latenciesMs: number[]
    }

const group = 1
const instance = { group, epoch: 1, view: 0 }
const entriesBetweenCompactions = 2_000

const setup = JSON.parse(process.argv[2]!) as RaftNodeSetup
const self = setup.nodes.find(node => node.number === setup.number)!
const others = setup.nodes.filter(node => node !== self)
const tell = (message: RaftNodeMessage): void => void process.send!(message)

const store = await openLevelStore(setup.dir)
const network = await startNetwork({
  networkName: 'bench',
  genesisHash: new Uint8Array(32),
  protocol: { min: 1, max: 1 },
  role: 'node',
  softwareVersion: 'bench',
  identitySeed: Buffer.from(setup.identitySeed, 'hex'),
  listenAddresses: [self.address],
  bootstrap: others.map(({ peerId, address }) => ({ peerId, addresses: [address] })),
  maxPeers: others.length,
  clock: realClock,
  random: realRandom,
  logger: createLogger('error'),
  counters: { count: () => {} },
  reach: { upnp: false, autonat: false, relay: false, holePunching: false },
  peerStore: { load: async () => [], save: () => {} },
})
const log = new MerkleLog(async () => undefined)
const host = new GroupHost({
  self: setup.number,
  random: below => realRandom.below(below),
  electionMs: 500,
  heartbeatMs: 100,
})
const driver: GroupDriver = new GroupDriver({
  host,
  store,
  send: (peer, lane, frame) => lanes.send(peer, lane, frame),
  schedule: atEndOfTurn,
  onCommitted: (_, entries) => entries.forEach(apply),
  onRead: () => {},
  onRole: ({ role }) => {
    loop.leads(role === 'leader')
    tell({ type: 'role', leading: role === 'leader' })
  },
  onMembers: () => {},
  onRemoved: () => {},
  onSnapshotOffer: ({ index }) => host.snapshotFailed(group, index),
  onSnapshotInstalled: () => {},
  onGroupFault: ({ message }) => {
    throw new Error(message)
  },
  onStoreFailure: error => {
    throw error
  },
})
const lanes = new RaftLanes({
  self: setup.number,
  peers: new Peers(others.map(({ number, peerId }) => [number, peerId])),
  network,
  clock: realClock,
  maxFrameBytes: DEFAULT_LIMITS.maxFrameBytes,
  receive: (peer, frame) => driver.receive(peer, frame),
  up: peer => driver.peerUp(peer),
  down: peer => driver.peerDown(peer),
  drained: peer => driver.peerDrained(peer),
  count: () => {},
})
const loop = new ProposalLoop({
  random: realRandom,
  schedule: atEndOfTurn,
  propose: data => driver.propose(group, data).ok,
})
host.open({ ...instance, voters: setup.nodes.map(node => node.number), learners: [] })
setInterval(() => driver.tick(), TICK_MS)
driver.wake()

function apply(entry: CommittedEntry): void {
  const batch = decodeBatch(entry.data)
  if (!batch.ok) throw new Error(`The batch at ${entry.index} is ${batch.code}.`)
  if (entry.index % entriesBetweenCompactions === 0)
    host.compact(group, entry.index - entriesBetweenCompactions / 2, new Uint8Array(8))
  if (batch.records.length === 0) return
  const ops = [batchOp(group, log.size, { index: entry.index, term: entry.term, batch: entry.data })]
  const tiles = log.append(leafHashes(batch.records))
  ops.push(...tileOps(group, tiles))
  driver.addOps(ops)
  log.tilesWritten(tiles)
  loop.committed(batch.records)
}

process.on('message', (stretch: Stretch) => {
  void loop.run(stretch).then(({ count, elapsedMs, latenciesMs }) => {
    tell({ type: 'measured', count, elapsedMs, latenciesMs })
  })
})
// Whoever started this is gone, or asks it to go.
process.on('disconnect', () => process.exit(0))
process.on('SIGTERM', () => process.exit(0))
process.on('SIGINT', () => {})
