import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import type { AreaInfo, AuthorityRouter } from '../../daemon/gateway/router.ts'
import { type GatewayServer, startGatewayServer } from '../../daemon/gateway/server.ts'
import type { AuthorityView, NodeAdvertView, StatusView } from '../../daemon/http/view.ts'
import { verifyEd25519 } from './keys.ts'
import { type LogKey, newLogKey, sha256, Town } from './town.ts'

const NETWORK = 'testland'
const AREA_SIDE_MM = 10_000_000
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
/** As a node sends it: nothing but its own files, and connections to other nodes' APIs and gateways. */
const POLICY =
  "default-src 'self'; connect-src 'self' http: ws: wss: https:; base-uri 'none'; form-action 'none'"

interface PageNode {
  readonly number: number
  readonly logKey: LogKey
  readonly http: Server
  readonly httpUrl: string
  gateway: GatewayServer | undefined
  gatewayUrl: string
  alive: boolean
  diedMs: number
}

/**
 * Nodes as a page meets them: each with a real HTTP server (the API's shapes, the page itself) and the real gateway
 * over real areas. What isn't there is what a page can't see: consensus and storage.
 */
export class TestNetwork {
  readonly genesisHash = randomBytes(32)
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
    this.towns = Array.from({ length: size.areas }, (_, at) => {
      const leader = keys[at % keys.length]!
      const members = [0, 1, 2].map(step => keys[(at + step) % keys.length]!.number)
      const info: AreaInfo = {
        name: `area/023${at}`,
        origin: `${NETWORK}/area/023${at}/0`,
        group: at + 1,
        quadkey: `023${at}`,
        xMm: (at % 2) * AREA_SIDE_MM,
        yMm: Math.floor(at / 2) * AREA_SIDE_MM,
        sideMm: AREA_SIDE_MM,
        members: [...new Set(members)],
      }
      return new Town(
        info,
        this.genesisHash,
        leader,
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
    node.http.closeAllConnections()
    const closed = new Promise(resolve => node.http.close(resolve))
    await Promise.all([closed, node.gateway?.stop()])
  }

  /** The node goes on, but nobody can enter or watch through it. */
  async stopGateway(number: number): Promise<void> {
    const node = this.nodes.find(it => it.number === number)!
    const { gateway } = node
    node.gateway = undefined
    node.gatewayUrl = ''
    await gateway?.stop()
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
    const http = createServer((request, response) => void this.#answer(number, request.url ?? '/', response))
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    const gateway = await this.#startGateway(number)
    return {
      number,
      logKey,
      http,
      httpUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
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
      submit: (area, body, answer) => townOf(area).submit(body, answer),
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
        logKeyOf: of => this.nodes.find(node => node.number === of)?.logKey.publicKey,
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

  async #answer(number: number, url: string, response: ServerResponse): Promise<void> {
    const path = url.split('?')[0]!
    const api: Record<string, () => unknown> = {
      '/api/v1/status': () => this.#status(number),
      '/api/v1/nodes': () => this.#nodes(),
      '/api/v1/authorities': () => this.#authorities(number),
    }
    const read = api[path]
    if (read !== undefined) {
      response.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' })
      response.end(JSON.stringify(read()))
      return
    }
    const file = path === '/' ? 'index.html' : normalize(path).replace(/^[/.]+/, '')
    const content = await readFile(join(this.#mapDir, file)).catch(() => undefined)
    const type = TYPES[extname(file)] ?? 'application/octet-stream'
    response.writeHead(content === undefined ? 404 : 200, {
      'content-type': type,
      'content-security-policy': POLICY,
    })
    response.end(content)
  }

  #status(number: number): Partial<StatusView> {
    return {
      network: NETWORK,
      number,
      genesisHash: this.genesisHash.toString('hex'),
      version: '0.1.0',
      tickMs: 100,
    }
  }

  #nodes(): NodeAdvertView[] {
    return this.nodes.map(({ number, httpUrl, gatewayUrl, alive, diedMs }) => ({
      number,
      peerId: `peer-${number}`,
      operator: `operator-${number}`,
      alive,
      lastSeenMs: alive ? 120 : Date.now() - diedMs,
      gatewayUrl: gatewayUrl || null,
      httpUrl,
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
        })),
        hosted,
        size: hosted ? size : 0,
        sealedSize: hosted ? sealedSize : 0,
        sealHeight: hosted ? Math.floor(world.tick / 10) : 0,
        checkpointRoot: hosted ? Buffer.from(sha256(Buffer.from(`${sealedSize}`))).toString('hex') : '',
        stateRoot: hosted ? Buffer.from(sha256(Buffer.from(`s${sealedSize}`))).toString('hex') : '',
        entities: hosted ? [...world.entities()].length : 0,
        players: hosted ? world.awakeCount : 0,
        actions: hosted ? actions : 0,
        awake: hosted && world.needsTick(),
        tick: hosted ? world.tick : 0,
        queues: { input: queue, intent: queue, simulation: queue, output: queue },
      }
    })
  }
}
