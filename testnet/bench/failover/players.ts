import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { type Client, connect, type SocketLike } from '../../../client/index.ts'
import { newSharedVerify } from '../../bots/verify.ts'

const playersPerGateway = 2
const inFlightPerPlayer = 4
/** Some hundred inputs a second in all: load, but no more than a small machine bears beside three nodes. */
const pauseMs = 10

/** Clients that never stop moving, and what they see of the terms in which their inputs are committed. */
export class Players {
  readonly #clients: Client[] = []
  #newestTerm = 0
  #waiting: { term: number; seen: (atMs: number) => void } | undefined
  #ended = false
  committed = 0

  async join(gateways: readonly string[], genesisPath: string): Promise<void> {
    const genesis = readFileSync(genesisPath)
    const verify = newSharedVerify()
    for (let i = 0; i < gateways.length * playersPerGateway; i++) {
      const client = await connect({
        // Each stays with its own, so that some are always at a gateway that lives.
        gateways: gateways[i % gateways.length]!,
        player: hash('sha256', `freehold/bench/${process.pid}/${i}`, 'buffer'),
        genesis,
        verify,
        makeSocket: url => new WebSocket(url, { perMessageDeflate: false }) as unknown as SocketLike,
      })
      await client.spawn(`bench-${i}`)
      this.#clients.push(client)
      for (let k = 0; k < inFlightPerPlayer; k++) void this.#play(client, i + k)
    }
  }

  get newestTerm(): number {
    return this.#newestTerm
  }

  /** Resolves with the moment (performance.now) of the first receipt of a later term than this. */
  committedAfter(term: number): Promise<number> {
    return new Promise(resolve => {
      this.#waiting = { term, seen: resolve }
    })
  }

  end(): void {
    this.#ended = true
    for (const client of this.#clients) client.close()
  }

  async #play(client: Client, seed: number): Promise<void> {
    for (let n = seed; !this.#ended; n++) {
      try {
        const vxMmPerTick = (n % 2 === 0 ? 1 : -1) * (1 + (n % 50))
        const { receipt } = await client.act({ kind: 'move', vxMmPerTick, vyMmPerTick: n % 7 })
        this.#seen(receipt.term)
      } catch {
        // An input that was given up while nobody led; the next one tries again.
      }
      await sleep(pauseMs)
    }
  }

  #seen(term: number): void {
    this.committed++
    this.#newestTerm = Math.max(this.#newestTerm, term)
    const waiting = this.#waiting
    if (waiting === undefined || term <= waiting.term) return
    this.#waiting = undefined
    waiting.seen(performance.now())
  }
}
