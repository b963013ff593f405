import { createHash } from 'node:crypto'
import { EventQueue } from '../event-queue.ts'
import { SimRandom } from '../random.ts'

export interface LinkOptions {
  lossRate: number
  duplicateRate: number
  delayMs: number
  jitterMs: number
}

/** Whoever has a number on the network. */
export interface Party {
  readonly number: number
  readonly isUp: boolean
  /** Counts its starts. */
  readonly life: number
  receive(from: number, bytes: Uint8Array): void
}

/** Virtual time and a network that loses, doubles and reorders. One seed decides everything. */
export class World {
  readonly random: SimRandom
  readonly links: LinkOptions = { lossRate: 0, duplicateRate: 0, delayMs: 1, jitterMs: 4 }
  readonly parties = new Map<number, Party>()
  readonly faults = new Map<string, number>()
  readonly #queue = new EventQueue()
  readonly #hash = createHash('sha256')
  readonly #cut = new Set<number>()
  #nowMs = 0
  #sequence = 0
  frames = 0

  constructor(seed: number) {
    this.random = new SimRandom(seed)
  }

  get nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, run: () => void): void {
    const atUs = Math.round((this.#nowMs + delayMs) * 1000)
    this.#queue.push({ atUs, sequence: this.#sequence++, label: '', scope: undefined, run })
  }

  runUntil(untilMs: number): void {
    for (
      let next = this.#queue.peek();
      next !== undefined && next.atUs <= untilMs * 1000;
      next = this.#queue.peek()
    ) {
      this.#queue.pop()
      this.#nowMs = next.atUs / 1000
      next.run!()
    }
    this.#nowMs = untilMs
  }

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1)
  }

  /** Nothing passes between those that are cut off and the others. */
  cut(numbers: readonly number[]): void {
    this.#cut.clear()
    for (const number of numbers) this.#cut.add(number)
  }

  isCut(a: number, b: number): boolean {
    return this.#cut.has(a) !== this.#cut.has(b)
  }

  send(from: number, to: number, bytes: Uint8Array): void {
    if (from === to || this.isCut(from, to)) return
    const { lossRate, duplicateRate } = this.links
    if (this.random.chance(lossRate)) return this.fault('lost')
    this.#deliver(from, to, bytes)
    if (!this.random.chance(duplicateRate)) return
    this.fault('doubled')
    this.#deliver(from, to, bytes)
  }

  #deliver(from: number, to: number, bytes: Uint8Array): void {
    const { delayMs, jitterMs } = this.links
    this.after(delayMs + this.random.fraction() * jitterMs, () => {
      const party = this.parties.get(to)
      if (party === undefined || !party.isUp) return
      this.frames++
      this.#hash.update(`${this.#nowMs} ${from}>${to} ${bytes.length}\n`).update(bytes)
      party.receive(from, bytes)
    })
  }

  /** Over every frame that was delivered, and when. */
  trace(): string {
    return this.#hash.copy().digest('hex')
  }
}
