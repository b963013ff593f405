import { randomBytes } from 'node:crypto'
import type { AreaInfo, AuthorityRouter } from '../../daemon/gateway/router.ts'
import { type GatewayServer, startGatewayServer } from '../../daemon/gateway/server.ts'
import { type HttpServer, startHttp } from '../../daemon/http/server.ts'
import type { AuthorityView, NodeAdvertView, NodeView, StatusView } from '../../daemon/http/view.ts'
import { createLogger } from '../../daemon/log.ts'
import { createMetrics } from '../../daemon/metrics/metrics.ts'
import { verifyEd25519 } from './keys.ts'
import { type LogKey, newLogKey, sha256, Town } from './town.ts'

const NETWORK = 'testland'
const AREA_SIDE_MM = 10_000_000

interface PageNode {
  readonly number: number
  readonly logKey: LogKey
  readonly http: HttpServer
  gateway: GatewayServer | undefined
  gatewayUrl: string
  alive: boolean
  diedMs: number
}

/**
 * Nodes as a page meets them: each with the real HTTP server and the real gateway, over areas with the real rules.
 * What isn't there is what a page can't see: consensus, storage and the network between the nodes.
 */
export class TestNetwork {
  readonly genesis: Uint8Array
  readonly genesisHash: Uint8Array
  readonly towns: readonly Town[]
  readonly nodes: PageNode[] = []
  readonly #mapDir: string

  static async start(
    mapDir: string,
    size: { nodes: number; areas: number; bots: number },
  ): Promise<TestNetwork> {
    const keys = Array.from({ length: size.nodes }, (_, at) => newLogKey(at + 1))
    const network = new TestNetwork(mapDir, keys, size)
    for (const key of keys) network.nodes.push(await network.#startNode(key))
    return network
  }

  private constructor(mapDir: string, keys: readonly LogKey[], size: { areas: number; bots: number }) {
    this.#mapDir = mapDir
    const infos = Array.from({ length: size.areas }, (_, at) => areaInfo(at, keys))
    this.genesis = genesisFile(keys, infos)
    this.genesisHash = sha256(this.genesis)
    this.towns = infos.map((info, at) => {
      const leader = keys[at % keys.length]!
      return new Town(
        info,
        this.genesisHash,
        leader,
        keys.filter(({ number }) => info.founders.includes(number)),
        at === 0 ? { bots: size.bots, npcs: 12 } : { bots: 2, npcs: 2 },
      )
    })
  }

  async stop(): Promise<void> {
    for (const town of this.towns) town.stop()
    await Promise.all(this.nodes.filter(node => node.alive).map(node => this.kill(node.number)))
  }

  /** As SIGKILL does: every connection of the node is cut, and another member leads. */
  async kill(number: number): Promise<void> {
    const node = this.nodes.find(it => it.number === number)!
    node.alive = false
    node.diedMs = Date.now()
    for (const town of this.towns) this.#failOver(town, number)
    await Promise.all([node.http.close(), node.gateway?.stop()])
  }

  /** The node goes on, but nobody can enter or watch through it. */
  async stopGateway(number: number): Promise<void> {
    const node = this.nodes.find(it => it.number === number)!
    const { gateway } = node
    node.gateway = undefined
    node.gatewayUrl = ''
    await gateway?.stop()
  }

  async startGateway(number: number): Promise<void> {
    const node = this.nodes.find(it => it.number === number)!
    node.gateway = await this.#startGateway(number)
    node.gatewayUrl = `ws://127.0.0.1:${node.gateway.port}`
  }

  #failOver(town: Town, lost: number): void {
    if (town.leader.number !== lost) return
    const next = this.nodes.find(it => it.alive && town.info.members.includes(it.number))
    if (next === undefined) return
    town.leader = next.logKey
    town.term += 1
  }

  async #startNode(logKey: LogKey): Promise<PageNode> {
    const { number } = logKey
    const gateway = await this.#startGateway(number)
    const http = await startHttp({
      host: '127.0.0.1',
      port: 0,
      view: this.#view(number),
      genesis: this.genesis,
      config: {},
      bring: async () => ({ kind: 'unanswered' }),
      metrics: createMetrics(),
      serveMetrics: false,
      pageDir: this.#mapDir,
      log: createLogger('silent'),
      nowMs: () => performance.now(),
    })
    return {
      number,
      logKey,
      http,
      gateway,
      gatewayUrl: `ws://127.0.0.1:${gateway.port}`,
      alive: true,
      diedMs: 0,
    }
  }

  #startGateway(number: number): Promise<GatewayServer> {
    const townOf = (area: string) => this.towns.find(town => town.info.name === area)!
    const router: AuthorityRouter = {
      areas: () => this.towns.map(town => town.info),
      submit: (area, bodies, source) => townOf(area).submit(bodies, source),
      read: (_area, _target, answer) => answer({ kind: 'busy', retryAfterMs: 1 }),
      whenFinal: (area, ask, answer) => townOf(area).whenFinal(ask, answer),
      subscribe: (area, listener) => townOf(area).subscribe(listener),
    }
    return startGatewayServer({
      host: '127.0.0.1',
      port: 0,
      config: {
        network: NETWORK,
        genesisHash: this.genesisHash,
        gatewayId: `node-${number}`,
        nodeNumber: number,
        tickMs: 100,
        nodeKeys: new Map(
          this.nodes.map(({ number: each, logKey: { log, vote } }) => [
            each,
            { log: log.publicKey, vote: vote.publicKey },
          ]),
        ),
      },
      ports: {
        router,
        count: () => {},
        monotonicMs: () => performance.now(),
        wallMs: () => Date.now(),
        randomBytes: length => randomBytes(length),
        sha256,
        verify: verifyEd25519,
      },
    })
  }

  #view(number: number): NodeView {
    return {
      status: () => this.#status(number),
      nodes: () => this.#nodes(),
      authorities: () => this.#authorities(number),
      authority: () => undefined,
      directory: () => undefined,
      evidence: () => [],
      evidenceFile: () => undefined,
      peers: () => [],
      log: () => undefined,
      discloses: () => true,
      certificate: () => undefined,
      activations: () => [],
      stateProof: () => undefined,
      read: async () => undefined,
      notReady: () => [],
    }
  }

  #status(number: number): StatusView {
    return {
      network: NETWORK,
      genesisHash: Buffer.from(this.genesisHash).toString('hex'),
      number,
      peerId: `peer-${number}`,
      operator: `operator-${number}`,
      resources: null,
      version: '0.1.0',
      protocol: { min: 1, max: 1 },
      rulesVersion: 1,
      tickMs: 100,
      startedAtMs: 0,
      uptimeMs: 0,
      sessions: 0,
      peers: 0,
      hosted: 0,
      led: 0,
      httpUrl: '',
      gatewayUrl: '',
      listen: [],
      reach: {
        verdict: 'unknown' as const,
        ...{ observed: [], confirmed: [], candidates: [], mapped: [], relayed: [] },
        portsDiffer: null,
        served: 0,
      },
      clockBehindMs: null,
    }
  }

  #nodes(): NodeAdvertView[] {
    return this.nodes.map(({ number, http, gatewayUrl, alive, diedMs }) => ({
      number,
      peerId: `peer-${number}`,
      operator: `operator-${number}`,
      alive,
      lastSeenMs: alive ? 120 : Date.now() - diedMs,
      gatewayUrl: gatewayUrl || null,
      httpUrl: http.url,
      leads: this.towns.filter(town => town.leader.number === number).map(town => town.info.name),
    }))
  }

  #authorities(number: number): AuthorityView[] {
    const queue = { length: 0, dropped: 0 }
    return this.towns.map(({ info, leader, term, world, size, sealedSize, actions }): AuthorityView => {
      const hosted = info.members.includes(number)
      return {
        ...info,
        kind: 'area',
        epoch: 1,
        view: 1,
        term,
        leader: leader.number,
        members: info.members.map(member => ({
          number: member,
          role: member === leader.number ? 'leader' : 'follower',
          vkey: `${info.origin}+00000000+AQ==`,
          cosigner: '',
        })),
        hosted,
        size: hosted ? size : 0,
        sealedSize: hosted ? sealedSize : 0,
        ...{ certifiedHeight: 0, finalHeight: 0, finalSize: hosted ? sealedSize : 0 },
        sealHeight: hosted ? Math.floor(world.tick / 10) : 0,
        checkpointRoot: hosted ? Buffer.from(sha256(Buffer.from(`${sealedSize}`))).toString('hex') : '',
        stateRoot: hosted ? Buffer.from(sha256(Buffer.from(`s${sealedSize}`))).toString('hex') : '',
        entities: hosted ? [...world.entities()].length : 0,
        players: hosted ? world.awakeCount : 0,
        actions: hosted ? actions : 0,
        awake: hosted && world.needsTick(),
        tick: hosted ? world.tick : 0,
        rejoining: null,
        queues: { input: queue, intent: queue, simulation: queue, output: queue },
      }
    })
  }
}

function areaInfo(at: number, keys: readonly LogKey[]): AreaInfo {
  const numbers = [0, 1, 2].map(step => keys[(at + step) % keys.length]!.number)
  const members = [...new Set(numbers)].sort((a, b) => a - b)
  return {
    name: `area/023${at}`,
    origin: `${NETWORK}/area/023${at}/0`,
    group: at + 1,
    quadkey: `023${at}`,
    xMm: (at % 2) * AREA_SIDE_MM,
    yMm: Math.floor(at / 2) * AREA_SIDE_MM,
    sideMm: AREA_SIDE_MM,
    members,
    epoch: 1,
    founders: members,
  }
}

/** As much of a genesis file as a client reads. */
function genesisFile(keys: readonly LogKey[], areas: readonly AreaInfo[]): Uint8Array {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  const nodes = keys.map(({ number, log, vote }) => ({
    number,
    keys: { log: base64(log.publicKey), vote: base64(vote.publicKey), cosign: base64(log.publicKey) },
  }))
  const authorities = areas.map(({ name, members, xMm, yMm, sideMm }) => ({
    name,
    birth: 0,
    epoch: 1,
    members,
    spawns: [{ xMm: xMm + sideMm / 2, yMm: yMm + sideMm / 2 }],
  }))
  return new TextEncoder().encode(JSON.stringify({ network: NETWORK, nodes, authorities }))
}
