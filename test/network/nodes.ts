import { randomBytes, randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { startNetwork } from '../../daemon/network/network.ts'
import type {
  BootstrapPeer,
  KnownPeer,
  NetworkOptions,
  RunningNetwork,
} from '../../daemon/network/options.ts'
import type { Channel, Clock, PeerId, Random } from '../../daemon/ports.ts'

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

const systemRandom: Random = {
  bytes: length => randomBytes(length),
  below: below => randomInt(Math.max(1, Math.floor(below))),
}

export const worldA = Buffer.alloc(32, 0xaa)
export const worldB = Buffer.alloc(32, 0xbb)

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly facts: Record<string, unknown>
}

export interface TestNode {
  readonly network: RunningNetwork
  readonly log: LogLine[]
  readonly counts: Map<string, number>
  readonly saved: { peers: KnownPeer[] }
  readonly seed: Uint8Array
  bootstrap(): BootstrapPeer
}

const running = new Set<RunningNetwork>()

export async function startNode(changes: Partial<NetworkOptions> = {}): Promise<TestNode> {
  const log: LogLine[] = []
  const counts = new Map<string, number>()
  const saved = { peers: [] as KnownPeer[] }
  const seed = changes.identitySeed ?? randomBytes(32)
  const write = (level: string) => (facts: object, message: string) => {
    log.push({ level, message, facts: facts as Record<string, unknown> })
  }
  const network = await startNetwork({
    networkName: 'test',
    genesisHash: worldA,
    protocol: { min: 1, max: 1 },
    role: 'node',
    softwareVersion: '0.1.0',
    identitySeed: seed,
    listenAddresses: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    maxPeers: 300,
    clock: systemClock,
    random: systemRandom,
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    reach: { upnp: false, autonat: true, relay: true, holePunching: true },
    counters: {
      count: (name, labels) => {
        const key = [name, ...Object.values(labels)].join(' ')
        counts.set(key, (counts.get(key) ?? 0) + 1)
      },
    },
    peerStore: {
      load: async () => [],
      save: peers => {
        saved.peers = peers
      },
    },
    ...changes,
  })
  running.add(network)
  const bootstrap = () => ({ peerId: network.self, addresses: network.listenAddresses() })
  return { network, log, counts, saved, seed, bootstrap }
}

export async function stopNode(node: TestNode, deadlineMs = 2000): Promise<void> {
  running.delete(node.network)
  await node.network.stop(deadlineMs)
}

export async function stopAll(): Promise<void> {
  const networks = [...running]
  running.clear()
  await Promise.all(networks.map(network => network.stop(2000)))
}

export async function until(what: string, holds: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`)
    await sleep(5)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

export async function connected(a: TestNode, b: TestNode): Promise<void> {
  const sees = (node: TestNode, peer: PeerId) => node.network.peers().includes(peer)
  await until('both see each other', () => sees(a, b.network.self) && sees(b, a.network.self))
}

/** Two connected nodes with a protocol, and a channel between them. */
export async function pair(
  maxFrameBytes = 1 << 20,
  maxChannelsPerPeer = 4,
): Promise<{ a: TestNode; b: TestNode; left: Channel; right: Channel }> {
  const a = await startNode()
  const b = await startNode({ bootstrap: [a.bootstrap()] })
  const accepted: Channel[] = []
  a.network.handle('pipe/1', { maxFrameBytes, maxChannelsPerPeer }, channel => accepted.push(channel))
  b.network.handle('pipe/1', { maxFrameBytes, maxChannelsPerPeer }, () => {})
  await connected(a, b)
  const left = await b.network.open(a.network.self, 'pipe/1')
  await until('the channel is accepted', () => accepted.length > 0)
  return { a, b, left, right: accepted[0] as Channel }
}

/** Ports on loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  await Promise.all(
    servers.map(server => new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))),
  )
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
