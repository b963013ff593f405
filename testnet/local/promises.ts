import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { decodeInput, encodeOutcome, type Outcome } from '../../world/codec.ts'
import type { BotPromise } from '../bots/bots.ts'

/** Outcomes of inputs that were not applied: they changed nothing and used no seq. */
const notApplied: ReadonlySet<Outcome['code']> = new Set([
  'gap',
  'duplicate',
  'no-session',
  'session-closed',
  'area-full',
])

/** What receipts promised, held against what an audit found in the log. */
export class PromiseBook {
  readonly #promises = new Map<string, Map<number, BotPromise>>()
  /** How often each input was applied: by log, player, session and seq. */
  readonly #applied = new Map<string, number>()
  #kept = 0
  #made = 0

  /** Reads a file of promises, one JSON object a line. A last line that was cut off is left out. */
  static async read(path: string): Promise<PromiseBook> {
    const book = new PromiseBook()
    for await (const line of createInterface({ input: createReadStream(path) })) {
      if (line.endsWith('}')) book.#add(JSON.parse(line) as BotPromise)
    }
    return book
  }

  #add(promise: BotPromise): void {
    let ofLog = this.#promises.get(promise.origin)
    if (ofLog === undefined) {
      ofLog = new Map()
      this.#promises.set(promise.origin, ofLog)
    }
    // A retry brings the same promise again.
    if (!ofLog.has(promise.leaf)) this.#made++
    ofLog.set(promise.leaf, promise)
  }

  /** One audited input record of a log, with what the replayed rules made of it. */
  audited(origin: string, leaf: number, body: Uint8Array, outcome: Outcome): void {
    const input = decodeInput(body)
    if ('code' in input) return
    if (!notApplied.has(outcome.code)) {
      const name = `${hex(input.player)}/${hex(input.session)}/${input.seq}`
      this.#applied.set(name, (this.#applied.get(name) ?? 0) + 1)
    }
    const promise = this.#promises.get(origin)?.get(leaf)
    if (promise === undefined) return
    const same =
      promise.player === hex(input.player) &&
      promise.session === hex(input.session) &&
      promise.seq === input.seq &&
      promise.outcome === hex(encodeOutcome(outcome))
    if (same) this.#kept++
  }

  /** The highest leaf that was promised in this log; −1 for none. */
  highestLeaf(origin: string): number {
    let highest = -1
    for (const leaf of this.#promises.get(origin)?.keys() ?? []) highest = Math.max(highest, leaf)
    return highest
  }

  get made(): number {
    return this.#made
  }

  /** Promises that the audited log does not keep. */
  get lost(): number {
    return this.#made - this.#kept
  }

  /** Times that an input was applied beyond its first. */
  get duplicated(): number {
    let extra = 0
    for (const times of this.#applied.values()) extra += times - 1
    return extra
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
