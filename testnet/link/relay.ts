import { connect, createServer, type Server, type Socket } from 'node:net'
import { seededRandom } from '../bots/random.ts'
import { Line, type LineOptions, Uplink } from './line.ts'

const host = '127.0.0.1'
/** Of one direction of a connection: past it the sender has to wait. */
const queuedMaxBytes = 512 * 1024

export interface RelayedNode {
  /** Where others dial it. */
  readonly port: number
  /** Where it listens. */
  readonly ownPort: number
}

/**
 * Stands in front of every node of a network on this machine and passes all that they say to each other on, as late as the
 * lines between homes would. What a node sends on connections that others made to it shares its uplink; on those that it made, each
 * has an uplink of its own, since a connection does not say whose it is.
 */
export class DelayingRelay {
  readonly #options: LineOptions
  readonly #seed: number
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  #connections = 0

  private constructor(options: LineOptions, seed: number) {
    this.#options = options
    this.#seed = seed
  }

  /** Rejects when a port is taken. */
  static async start(
    nodes: readonly RelayedNode[],
    options: LineOptions,
    seed: number,
  ): Promise<DelayingRelay> {
    const relay = new DelayingRelay(options, seed)
    await Promise.all(nodes.map(node => relay.#listen(node)))
    return relay
  }

  stop(): void {
    for (const server of this.#servers) server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  async #listen({ port, ownPort }: RelayedNode): Promise<void> {
    const uplink = new Uplink(this.#options)
    const server = createServer({ noDelay: true, allowHalfOpen: true }, socket =>
      this.#accept(socket, ownPort, uplink),
    )
    this.#servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  }

  #accept(dialler: Socket, ownPort: number, uplink: Uplink): void {
    this.#connections += 1
    const seed = this.#seed + 2 * this.#connections
    const node = connect({ host, port: ownPort, noDelay: true, allowHalfOpen: true })
    for (const socket of [dialler, node]) {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    }
    const own = new Uplink(this.#options)
    carry(dialler, node, new Line(this.#options, own, seededRandom(seed)))
    carry(node, dialler, new Line(this.#options, uplink, seededRandom(seed + 1)))
  }
}

/** One direction. When either end breaks, the other does at once, as when a machine goes. */
function carry(from: Socket, to: Socket, line: Line): void {
  const underWay = new Queue()
  let queuedBytes = 0
  const later = (bytes: number, run: () => void): void => {
    const nowMs = performance.now()
    underWay.add(line.arrivalMs(bytes, nowMs), run)
  }
  from.on('data', chunk => {
    queuedBytes += chunk.length
    if (queuedBytes >= queuedMaxBytes) from.pause()
    later(chunk.length, () => {
      queuedBytes -= chunk.length
      if (queuedBytes < queuedMaxBytes) from.resume()
      if (to.writable) to.write(chunk)
    })
  })
  from.on('end', () => later(0, () => to.end()))
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}

/** One timer for all: several would not go off in the order in which they were set. */
class Queue {
  readonly #waiting: { readonly atMs: number; readonly run: () => void }[] = []

  add(atMs: number, run: () => void): void {
    this.#waiting.push({ atMs, run })
    if (this.#waiting.length === 1) this.#wait()
  }

  #wait(): void {
    const [next] = this.#waiting
    if (next !== undefined) setTimeout(() => this.#runDue(), Math.max(1, next.atMs - performance.now()))
  }

  #runDue(): void {
    const nowMs = performance.now()
    while (this.#waiting.length > 0 && this.#waiting[0]!.atMs <= nowMs) this.#waiting.shift()!.run()
    this.#wait()
  }
}
