import { LEASE_MS } from '../../../world/directory/limits.ts'
import type { SimRandom } from '../random.ts'
import { identityOf } from './keys.ts'

const ASK_EVERY_MS = 2_000
const MAX_ASKED = 8
/** Two clocks differ by at most 5 %. */
const MAX_DRIFT = 0.024

/** Whoever has a node's keys: it counts its lease by its own clock, from when it asked. */
export class SimNode {
  readonly being: number
  readonly identity: Uint8Array
  readonly rate: number
  readonly isLiar: boolean
  /** By this run's time. It is silent, or comes only later. */
  awayUntilMs = 0
  session = 0
  seq = 0
  leaseUntil = Number.NEGATIVE_INFINITY
  #nextAskAt = 0
  readonly #asked: { readonly nonce: Uint8Array; readonly at: number }[] = []
  readonly #random: SimRandom

  constructor(being: number, isLiar: boolean, random: SimRandom) {
    this.being = being
    this.identity = identityOf(being)
    this.isLiar = isLiar
    this.#random = random
    this.rate = 1 + MAX_DRIFT * [1, -1, random.between(-1, 1)][random.below(3)]!
  }

  /** Its own clock. */
  clock(nowMs: number): number {
    return nowMs * this.rate
  }

  isLeased(nowMs: number): boolean {
    return this.clock(nowMs) < this.leaseUntil
  }

  /** The nonce with which it asks for a lease now, if it does. */
  ask(nowMs: number): Uint8Array | undefined {
    const at = this.clock(nowMs)
    if (at < this.#nextAskAt || nowMs < this.awayUntilMs) return undefined
    this.#nextAskAt = at + ASK_EVERY_MS
    const nonce = this.#random.bytes(8)
    this.#asked.push({ nonce, at })
    if (this.#asked.length > MAX_ASKED) this.#asked.shift()
    return nonce
  }

  /** The certified log shows this nonce. */
  shown(nonce: Uint8Array): void {
    const asked = this.#asked.find(each => Buffer.compare(each.nonce, nonce) === 0)
    if (asked !== undefined) this.leaseUntil = Math.max(this.leaseUntil, asked.at + LEASE_MS)
  }
}
