/**
 * The clients of the `sdk` level, in a process of their own: sessions of the SDK over WebSocket that move their
 * characters, each with a share of the inputs under way. The SDK verifies every receipt.
 */
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { type Client, connect, type SocketLike } from '../../../client/index.ts'
import { newSharedVerify } from '../../bots/verify.ts'
import { Stopwatch, type Stretch } from './measure.ts'

export interface SdkClientsSetup {
  readonly gateways: readonly string[]
  readonly sessions: number
  /** A session is full before the next one begins. */
  readonly inFlightOfEach: number
  readonly genesisPath: string
}

export type SdkClientsMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
  | {
      readonly type: 'measured'
      readonly count: number
      readonly elapsedMs: number
      readonly latenciesMs: number[]
    }

const speedMmPerTick = 50

const setup = JSON.parse(process.argv[2]!) as SdkClientsSetup
const tell = (message: SdkClientsMessage): void => void process.send!(message)
const clients: Client[] = []
let moves = 0

/** What is sent in one go leaves in one system call, as the gateway's answers do. */
function makeSocket(url: string): SocketLike {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  const send = socket.send.bind(socket)
  let tcp: Socket | undefined
  socket.on('upgrade', response => {
    tcp = response.socket
  })
  socket.send = (data: Uint8Array) => {
    if (tcp !== undefined && tcp.writableCorked === 0) {
      const { uncork } = tcp
      tcp.cork()
      process.nextTick(uncork.bind(tcp))
    }
    send(data)
  }
  return socket as unknown as SocketLike
}

async function join(): Promise<void> {
  const genesis = readFileSync(setup.genesisPath)
  const verify = newSharedVerify()
  for (let i = 0; i < setup.sessions; i++) {
    const client = await connect({
      gateways: [setup.gateways[i % setup.gateways.length]!],
      player: hash('sha256', `freehold/bench/${process.pid}/${i}`, 'buffer'),
      genesis,
      verify,
      makeSocket,
    })
    await client.spawn(`bench-${i}`)
    clients.push(client)
  }
}

/** To and fro, so that nobody reaches the border; each move has another course, so that each changes the state. */
async function move(client: Client): Promise<void> {
  const n = moves++
  const vxMmPerTick = (n % 2 === 0 ? 1 : -1) * (1 + (n % speedMmPerTick))
  await client.act({ kind: 'move', vxMmPerTick, vyMmPerTick: n % 7 })
}

async function run(stretch: Stretch): Promise<Stopwatch> {
  const watch = new Stopwatch(stretch)
  const keep = async (client: Client): Promise<void> => {
    for (;;) {
      const startedMs = performance.now()
      await move(client)
      if (!watch.ended(startedMs, performance.now())) return
    }
  }
  await Promise.all(
    Array.from({ length: stretch.inFlight }, (_, i) => keep(clients[Math.floor(i / setup.inFlightOfEach)]!)),
  )
  return watch
}

function failed(error: unknown): void {
  tell({ type: 'failed', message: (error as Error).message })
}

process.on('message', (stretch: Stretch) => {
  run(stretch).then(
    ({ count, elapsedMs, latenciesMs }) => tell({ type: 'measured', count, elapsedMs, latenciesMs }),
    failed,
  )
})
process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => {})
join().then(() => tell({ type: 'ready' }), failed)
