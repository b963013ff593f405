/** What is repeated is told at most this often. */
const TOLD_EVERY_MS = 1_000
/** The beginning and the end of a longer story are kept. */
const FIRST_LINES = 2_000
const LAST_LINES = 18_000

interface Repeated {
  readonly who: string
  readonly what: string
  count: number
  /** Where it is a number that grows: from where to where. */
  from: number
  to: number
}

/** What happened in one simulated network, in words for whoever looks into it: when, at whom, what. Bounded in size. */
export class Story {
  readonly #first: string[] = []
  readonly #last: string[] = []
  #leftOut = 0
  #repeated = new Map<string, Repeated>()
  #toldMs = 0

  get lines(): string[] {
    const gap = this.#leftOut === 0 ? [] : [`… ${this.#leftOut} lines are left out here`]
    return [...this.#first, ...gap, ...this.#last]
  }

  tell(nowMs: number, who: string, what: string): void {
    this.#tellRepeated(nowMs)
    this.#add(nowMs, who, what)
  }

  /** One line a second says how often. */
  again(nowMs: number, who: string, what: string): void {
    this.#tellRepeated(nowMs)
    const repeated = this.#repeatedOf(who, what, 0)
    repeated.count++
  }

  /** One line a second says how far it came: "applies 12..40". */
  reaches(nowMs: number, who: string, what: string, index: number): void {
    this.#tellRepeated(nowMs)
    this.#repeatedOf(who, what, index).to = index
  }

  /** Tells what is still untold. */
  end(nowMs: number): void {
    this.#toldMs = Number.NEGATIVE_INFINITY
    this.#tellRepeated(nowMs)
  }

  #repeatedOf(who: string, what: string, from: number): Repeated {
    const key = `${who} ${what}`
    let repeated = this.#repeated.get(key)
    if (repeated === undefined) {
      repeated = { who, what, count: 0, from, to: from }
      this.#repeated.set(key, repeated)
    }
    return repeated
  }

  #tellRepeated(nowMs: number): void {
    if (nowMs < this.#toldMs + TOLD_EVERY_MS) return
    const untold = this.#repeated
    this.#toldMs = nowMs
    this.#repeated = new Map()
    for (const { who, what, count, from, to } of untold.values()) {
      const range = from === to ? `${to}` : `${from}..${to}`
      this.#add(nowMs, who, count === 0 ? `${what} ${range}` : count === 1 ? what : `${what}, ${count} times`)
    }
  }

  #add(nowMs: number, who: string, what: string): void {
    const line = `${nowMs.toFixed(3).padStart(12)}  ${who.padEnd(16)} ${what}`
    if (this.#first.length < FIRST_LINES) this.#first.push(line)
    else this.#last.push(line)
    if (this.#last.length <= LAST_LINES) return
    this.#last.shift()
    this.#leftOut++
  }
}
