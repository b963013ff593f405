/** One node of the benchmark, as a process of its own: thousands of groups on one host, LevelDB, and the libp2p network of ours. */
import { GroupDriver } from '../../../consensus/groups/driver.ts'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { recoverPromised } from '../../../consensus/groups/liveness/support-disk.ts'
import { DEFAULT_LIMITS, TICK_MS } from '../../../consensus/groups/types.ts'
import { RaftLanes } from '../../../daemon/hosting/raft-lanes.ts'
import { createLogger } from '../../../daemon/log.ts'
import { startNetwork } from '../../../daemon/network/network.ts'
import { Peers } from '../../../daemon/nodes/peers.ts'
import { realClock, realRandom } from '../../../daemon/real-ports.ts'
import { openLevelStore } from '../../../storage/store-level.ts'
import type { GroupsNodeAnswer, GroupsNodeRequest, GroupsNodeSetup, GroupsNodeState } from './messages.ts'

const sampleMs = 50
const payload = new Uint8Array(128).fill(7)

const setup = JSON.parse(process.argv[2]!) as GroupsNodeSetup
const self = setup.nodes.find(node => node.number === setup.number)!
const others = setup.nodes.filter(node => node !== self)
const voters = setup.nodes.map(node => node.number)
const tell = (answer: GroupsNodeAnswer): void => void process.send!(answer)
/** By group, as far as it is known. */
const leaders = new Map<number, number>()
/** Who waits for a proposal to be committed, by group. */
const waiting = new Map<number, () => void>()
let watched: { dying: number; orphans: number; lastMessages: number; peak: number } | undefined

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
  clock: realClock,
  random: realRandom,
  logger: createLogger('error'),
  counters: { count: () => {} },
  reach: { upnp: false, autonat: false, relay: false, holePunching: false },
  peerStore: { load: async () => [], save: () => {} },
  maxPeers: 100,
})
const host = new GroupHost({
  self: setup.number,
  random: below => realRandom.below(below),
  nowMs: () => realClock.monotonicMs(),
  promisedMs: await recoverPromised(store),
})
const driver: GroupDriver = new GroupDriver({
  host,
  store,
  send: (peer, lane, frame) => lanes.send(peer, lane, frame),
  schedule: setImmediate,
  onCommitted: (group, entries) => {
    if (entries.some(entry => entry.data.length > 0)) waiting.get(group)?.()
  },
  onRead: () => {},
  onRole: ({ group, leader }) => {
    leaders.set(group, leader)
    checkRecovered()
  },
  onMembers: () => {},
  onRemoved: () => {},
  onSnapshotOffer: ({ group, index }) => host.snapshotFailed(group, index),
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
setInterval(() => driver.tick(), TICK_MS)

function open(): void {
  for (let group = 1; group <= setup.groups; group++) {
    host.open({ group, epoch: 1, view: 0, voters, learners: [] })
    leaders.set(group, 0)
  }
  driver.wake()
}

function state(): GroupsNodeState {
  let led = 0
  let leaderless = 0
  for (const leader of leaders.values()) {
    if (leader === setup.number) led++
    else if (leader === 0) leaderless++
  }
  const { frames } = driver.counters
  return {
    type: 'state',
    led,
    awake: host.awakeGroups,
    leaderless,
    messages: host.messagesSent,
    frames,
  }
}

function memoryBytes(): number {
  globalThis.gc!()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function propose(count: number): Promise<void> {
  const asleepMs: number[] = []
  const awakeMs: number[] = []
  for (const [group, leader] of leaders) {
    if (leader !== setup.number || asleepMs.length === count) continue
    if (!host.status(group)!.asleep) continue
    asleepMs.push(await proposeOne(group))
    awakeMs.push(await proposeOne(group))
  }
  tell({ type: 'proposed', asleepMs, awakeMs })
}

async function proposeOne(group: number): Promise<number> {
  const beganMs = performance.now()
  const committed = new Promise<void>(resolve => waiting.set(group, resolve))
  const proposed = driver.propose(group, payload)
  if (!proposed.ok) throw new Error(`A proposal was refused: ${proposed.code}.`)
  await committed
  return performance.now() - beganMs
}

function watch(dying: number): void {
  const orphans = [...leaders.values()].filter(leader => leader === dying).length
  watched = { dying, orphans, lastMessages: host.messagesSent, peak: 0 }
  setInterval(() => {
    if (watched === undefined) return
    const messages = host.messagesSent
    watched.peak = Math.max(watched.peak, ((messages - watched.lastMessages) * 1000) / sampleMs)
    watched.lastMessages = messages
  }, sampleMs)
}

function checkRecovered(): void {
  if (watched === undefined) return
  for (const leader of leaders.values()) if (leader === 0 || leader === watched.dying) return
  const { orphans } = watched
  const atMs = Date.now()
  // A little later, so that the peak counts what came at the end too.
  setTimeout(() => {
    if (watched === undefined) return
    tell({ type: 'recovered', atMs, orphans, peakMessagesPerSecond: watched.peak })
    watched = undefined
  }, 2 * sampleMs)
}

process.on('message', (request: GroupsNodeRequest) => {
  if (request.type === 'open') open()
  else if (request.type === 'state') tell(state())
  else if (request.type === 'memory') tell({ type: 'memory', bytes: memoryBytes() })
  else if (request.type === 'watch') watch(request.dying)
  else void propose(request.count)
})
process.on('disconnect', () => process.exit(0))
process.on('SIGTERM', () => process.exit(0))
process.on('SIGINT', () => {})
tell({ type: 'up' })
