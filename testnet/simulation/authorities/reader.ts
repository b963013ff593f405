import type { Read, ReadAnswer } from '../../../client/protocol/gateway.pb.js'
import type { SimRandom } from '../random.ts'
import type { Judge } from './judge.ts'
import type { Floor } from './told.ts'

const EVERY_MS = 250

interface Asked {
  readonly number: number
  /** What had been told of the area when it was asked. */
  readonly floor: Floor
  readonly sentMs: number
}

/** The reads of one player, one after the other: each is asked for until it is answered, and held against what was told. */
export class Reader {
  readonly #judge: Judge
  #group: number
  readonly #random: SimRandom
  readonly #target: Uint8Array
  #asked: Asked | undefined
  /** It wants to know, and has no answer yet. */
  #wants = false
  #last = 0
  #notBeforeMs: number

  /** `target` is a player's key, or an entity's id. */
  constructor(judge: Judge, group: number, random: SimRandom, target: Uint8Array) {
    this.#judge = judge
    this.#group = group
    this.#random = random
    this.#target = target
    this.#notBeforeMs = random.below(EVERY_MS)
  }

  /** Reads without an answer. */
  get waiting(): number {
    return this.#wants ? 1 : 0
  }

  get sentMs(): number | undefined {
    return this.#asked?.sentMs
  }

  /** Nobody answers what was asked at another gateway. */
  moved(): void {
    this.#asked = undefined
  }

  /** From now on it is asked in another area. */
  movedTo(group: number): void {
    this.moved()
    this.#group = group
  }

  /** What to ask now. Asked for again it is another read: more may have been told meanwhile. */
  due(nowMs: number, resting: boolean): Read | undefined {
    if (this.#asked !== undefined || nowMs < this.#notBeforeMs || (resting && !this.#wants)) return undefined
    this.#wants = true
    const number = ++this.#last
    this.#asked = { number, floor: this.#judge.told.of(this.#group), sentMs: nowMs }
    this.#judge.count('reads-sent')
    return { number, target: this.#target }
  }

  answered({ number, state, code, retryAfterMs }: ReadAnswer, nowMs: number): void {
    const asked = this.#asked
    if (asked?.number !== number) return this.#judge.count('reads-answered-late')
    this.#asked = undefined
    if (state !== undefined) {
      this.#wants = false
      this.#notBeforeMs = nowMs + this.#random.below(2 * EVERY_MS)
      this.#judge.count(state.byLease ? 'reads-by-lease' : 'reads-by-quorum')
      this.#judge.told.read(this.#group, asked.floor, state.size)
    } else if (retryAfterMs) {
      this.#judge.count(`read-${code}`)
      this.#notBeforeMs = nowMs + retryAfterMs
    } else this.#judge.fail(`a read in group ${this.#group} was refused: ${code}`)
  }
}
