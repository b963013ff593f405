import { hash } from 'node:crypto'
import { WebSocket } from 'ws'
import { recordLeafHash } from '../../audit/verify/record.ts'
import {
  type Client,
  ClientError,
  connect,
  type Done,
  Histogram,
  type SocketLike,
} from '../../client/index.ts'
import type { Position } from '../../world/codec.ts'
import { Mind } from './mind.ts'
import { seededRandom } from './random.ts'
import { newSharedVerify } from './verify.ts'

export interface BotsOptions {
  readonly count: number
  /** WebSocket addresses; bot i begins with the i-th of them, and has all the others to go to. */
  readonly gateways: readonly string[]
  /** Of each bot; 1 when not given. */
  readonly actionsPerSecond?: number
  readonly seed: number
  /** Bots that begin to connect in one second; 50 when not given. */
  readonly joinsPerSecond?: number
  /** The genesis file's bytes, so that bots believe no gateway. */
  readonly genesis?: Uint8Array
  /** Areas to spread over; the gateway chooses when it is empty. */
  readonly areas?: readonly string[]
  /** Places, in other areas too, that they go to now and then; none when not given. */
  readonly goals?: readonly Position[]
  /** Nobody strikes anybody (false). */
  readonly peaceful?: boolean
  /** Called for every receipt: what the audited log has to hold. */
  readonly onPromise?: (promise: BotPromise) => void
  /** Called for what went wrong, a line each. */
  readonly onTrouble?: (line: string) => void
}

/** What a leader promised a bot. Bytes are in hex. */
export interface BotPromise {
  readonly origin: string
  readonly leaf: number
  readonly leafHash: string
  readonly player: string
  readonly session: string
  readonly seq: number
  readonly outcome: string
}

export interface BotStats {
  readonly bots: number
  /** Connected, with a session open. */
  readonly connected: number
  readonly submitted: number
  /** With a verified receipt; `rejected` of them were refused by the rules. */
  readonly committed: number
  readonly rejected: number
  /** Given up without a receipt. */
  readonly failed: number
  readonly waiting: number
  readonly retried: number
  readonly forged: number
  readonly reconnects: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Characters that went from area to area, and what the next action took then, from asking to its receipt. */
  readonly handovers: number
  readonly handoverP50Ms: number
  readonly handoverP99Ms: number
}

export interface Bots {
  stats(): BotStats
  /** Latencies of what was committed since the last call; merge them with `Histogram.addSparse`. */
  takeLatencies(): [number, number][]
  /** No new actions; waits for the answers of the old ones up to `drainMs`, then disconnects. */
  stop(drainMs: number): Promise<void>
}

interface Bot {
  readonly number: number
  readonly dice: () => number
  readonly mind: Mind
  client: Client | undefined
  /** Where its last action was. */
  area: string | undefined
  state: 'away' | 'joining' | 'entering' | 'playing' | 'over'
  dueMs: number
}

const STEP_MS = 20
/** A bot with so many unanswered actions waits, as a player would. */
const MAX_WAITING = 4
const RETRY_JOIN_MS = 2_000

/** Runs many bots in this process: real clients of the SDK that play on their own. */
export function startBots(options: BotsOptions): Bots {
  const { actionsPerSecond = 1, joinsPerSecond = 50, onTrouble = () => {} } = options
  const verify = newSharedVerify()
  const everyMs = 1000 / actionsPerSecond
  const total = new Histogram()
  const recent = new Histogram()
  const handovers = new Histogram()
  const counts = { submitted: 0, committed: 0, rejected: 0, failed: 0, waiting: 0 }
  const waitingOf = new Map<Bot, number>()
  let stopping = false

  const bots = Array.from({ length: options.count }, (_, number): Bot => {
    const dice = seededRandom(options.seed * 1_000_003 + number)
    const joinMs = performance.now() + (number * 1000) / joinsPerSecond
    return {
      number,
      dice,
      mind: new Mind(dice, options.peaceful, options.goals),
      client: undefined,
      area: undefined,
      state: 'away',
      dueMs: joinMs,
    }
  })

  async function join(bot: Bot): Promise<void> {
    bot.state = 'joining'
    const { gateways, areas = [] } = options
    const first = bot.number % gateways.length
    const area = areas.length > 0 ? areas[bot.number % areas.length] : undefined
    try {
      bot.client = await connect({
        gateways: [...gateways.slice(first), ...gateways.slice(0, first)],
        player: hash('sha256', `freehold/bot/${options.seed}/${bot.number}`, 'buffer'),
        ...(options.genesis ? { genesis: options.genesis } : {}),
        ...(area === undefined ? {} : { area }),
        verify,
        makeSocket: url => new WebSocket(url, { perMessageDeflate: false }) as unknown as SocketLike,
      })
    } catch (error) {
      onTrouble(`bot ${bot.number} can't join: ${(error as Error).message}`)
      bot.state = 'away'
      bot.dueMs = performance.now() + RETRY_JOIN_MS
      return
    }
    bot.client.onState((state, reason) => {
      if (state !== 'closed' || stopping) return
      onTrouble(`bot ${bot.number} lost its session: ${reason}`)
      bot.state = 'away'
      bot.dueMs = performance.now() + RETRY_JOIN_MS
    })
    bot.state = 'entering'
    bot.dueMs = performance.now()
  }

  function act(bot: Bot, nowMs: number): void {
    // A little early or late, as people are; the average holds.
    bot.dueMs = Math.max(nowMs, bot.dueMs + everyMs * (0.5 + bot.dice()))
    const client = bot.client!
    if ((waitingOf.get(bot) ?? 0) >= MAX_WAITING) return
    const action =
      bot.state === 'entering'
        ? ({ kind: 'spawn', name: `bot-${bot.number}` } as const)
        : bot.mind.decide(client.view)
    if (action === undefined) return
    bot.state = 'playing'
    counts.submitted++
    counts.waiting++
    waitingOf.set(bot, (waitingOf.get(bot) ?? 0) + 1)
    client
      .act(action)
      .then(
        done => committed(bot, client, done),
        error => failed(bot, error),
      )
      .finally(() => {
        counts.waiting--
        waitingOf.set(bot, waitingOf.get(bot)! - 1)
      })
  }

  function committed(bot: Bot, client: Client, done: Done): void {
    if (bot.area !== undefined && bot.area !== done.area) handovers.add(done.latencyMs)
    bot.area = done.area
    counts.committed++
    if (done.outcome.code !== 'ok') counts.rejected++
    total.add(done.latencyMs)
    recent.add(done.latencyMs)
    options.onPromise?.(promiseOf(client, done))
  }

  function failed(bot: Bot, error: unknown): void {
    counts.failed++
    // It was told to leave, and not to wait any longer.
    if (bot.state === 'over') return
    const code = error instanceof ClientError ? `${error.code} ${error.facts['fault'] ?? ''}` : String(error)
    onTrouble(`bot ${bot.number} got no receipt: ${code.trim()}`)
  }

  const stepping = setInterval(() => {
    const nowMs = performance.now()
    for (const bot of bots) {
      if (bot.dueMs > nowMs) continue
      if (bot.state === 'away') void join(bot)
      else if (bot.state === 'entering' || bot.state === 'playing') act(bot, nowMs)
    }
  }, STEP_MS)

  return {
    stats() {
      const clients = bots.flatMap(({ client }) => client ?? [])
      const sum = (of: (client: Client) => number): number =>
        clients.reduce((all, client) => all + of(client), 0)
      return {
        bots: bots.length,
        connected: clients.filter(({ state }) => state === 'open').length,
        ...counts,
        retried: sum(({ stats }) => stats.retried),
        forged: sum(({ stats }) => stats.forged),
        reconnects: sum(({ stats }) => stats.links - 1),
        p50Ms: total.quantile(0.5),
        p99Ms: total.quantile(0.99),
        handovers: handovers.count,
        handoverP50Ms: handovers.quantile(0.5),
        handoverP99Ms: handovers.quantile(0.99),
      }
    },
    takeLatencies() {
      const sparse = recent.sparse()
      recent.clear()
      return sparse
    },
    async stop(drainMs) {
      stopping = true
      clearInterval(stepping)
      const untilMs = performance.now() + drainMs
      while (counts.waiting > 0 && performance.now() < untilMs)
        await new Promise(resolve => setTimeout(resolve, STEP_MS))
      for (const bot of bots) {
        bot.state = 'over'
        bot.client?.close()
      }
    },
  }
}

export function promiseOf(client: Client, { body, receipt, seq }: Done): BotPromise {
  return {
    origin: receipt.origin,
    leaf: receipt.leaf,
    leafHash: hex(recordLeafHash(receipt.header, receipt.salt, body)),
    player: hex(client.playerKey),
    session: hex(body.subarray(32, 48)),
    seq,
    outcome: hex(receipt.outcome),
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}
