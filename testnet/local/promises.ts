import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { decodeInput, encodeOutcome, isConsumed, type Outcome } from '../../world/codec.ts'
import type { BotPromise } from '../bots/bots.ts'

/** Everything that a receipt promises. Two receipts that differ in anything are two promises. */
type PromiseName = string

/** What receipts promised, held against what audits found in the replicas' logs. */
export class PromiseBook {
  readonly #promises = new Map<string, Set<PromiseName>>()
  readonly #highest = new Map<string, number>()
  readonly #tallies: ReplicaTally[] = []

  /** Reads a file of promises, one JSON object a line. A last line that was cut off is left out. */
  static async read(path: string): Promise<PromiseBook> {
    const book = new PromiseBook()
    for await (const line of createInterface({ input: createReadStream(path) })) {
      if (line.endsWith('}')) book.#add(JSON.parse(line) as BotPromise)
    }
    return book
  }

  #add({ origin, leaf, player, session, seq, outcome }: BotPromise): void {
    const ofLog = this.#promises.get(origin) ?? new Set()
    this.#promises.set(origin, ofLog.add(promiseName(leaf, player, session, seq, outcome)))
    this.#highest.set(origin, Math.max(leaf, this.highestLeaf(origin)))
  }

  /** The highest leaf that was promised in this log; −1 for none. */
  highestLeaf(origin: string): number {
    return this.#highest.get(origin) ?? -1
  }

  /** For the audit of one replica: what it holds is told to the tally. */
  newTally(origin: string): ReplicaTally {
    const tally = new ReplicaTally(origin, this.#promises.get(origin) ?? new Set())
    this.#tallies.push(tally)
    return tally
  }

  /** Promises that some replica of their log doesn't keep. */
  get lost(): number {
    const lost = new Set<PromiseName>()
    for (const tally of this.#tallies) for (const name of tally.missing()) lost.add(`${tally.origin} ${name}`)
    return lost.size
  }

  /** Times that an input was applied beyond its first, in any log. */
  get duplicated(): number {
    let extra = 0
    const inAnyLog = new Map<string, string>()
    for (const { origin, applied } of this.#tallies) {
      for (const [name, times] of applied) {
        const elsewhere = inAnyLog.get(name)
        extra += times - 1 + (elsewhere !== undefined && elsewhere !== origin ? 1 : 0)
        inAnyLog.set(name, origin)
      }
    }
    return extra
  }
}

/** What one replica's audited log says of the promises that were made in its name. */
class ReplicaTally {
  readonly origin: string
  /** How often each input was applied: by player, session and seq. */
  readonly applied = new Map<string, number>()
  readonly #promised: ReadonlySet<PromiseName>
  readonly #kept = new Set<PromiseName>()

  constructor(origin: string, promised: ReadonlySet<PromiseName>) {
    this.origin = origin
    this.#promised = promised
  }

  /** One audited input record, with what the replayed rules made of it. */
  audited(leaf: number, body: Uint8Array, outcome: Outcome): void {
    const input = decodeInput(body)
    if ('code' in input) return
    const [player, session] = [hex(input.player), hex(input.session)]
    if (isConsumed(outcome.code)) {
      const name = `${player}/${session}/${input.seq}`
      this.applied.set(name, (this.applied.get(name) ?? 0) + 1)
    }
    this.#kept.add(promiseName(leaf, player, session, input.seq, hex(encodeOutcome(outcome))))
  }

  missing(): PromiseName[] {
    return [...this.#promised].filter(name => !this.#kept.has(name))
  }
}

function promiseName(
  leaf: number,
  player: string,
  session: string,
  seq: number,
  outcome: string,
): PromiseName {
  return `${leaf}/${player}/${session}/${seq}/${outcome}`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
