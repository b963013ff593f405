import type { LogTruth, TrueEntry } from './log-truth.ts'

/** What the state machines of one instance made of each entry: the same everywhere, in every life. */
export class AppliedTruth {
  readonly #name: string
  readonly #fail: (problem: string) => void
  /** By index: a checksum over outcomes, size and state. */
  readonly #results: number[] = []

  constructor(name: string, fail: (problem: string) => void) {
    this.#name = name
    this.#fail = fail
  }

  result(who: string, index: number, result: number): void {
    const known = this.#results[index]
    if (known === undefined) this.#results[index] = result
    else if (known !== result)
      this.#fail(`${this.#name}: ${who} makes something else of entry ${index} than others`)
  }
}

/** The entries that one life of a node is shown, and those that it applies. */
export class ShownEntries {
  readonly #who: string
  readonly #truth: LogTruth
  readonly #fail: (problem: string) => void
  #shown: number
  #applied: number

  /** @param applied the last entry that it had applied when it started, whatever Raft knew of it */
  constructor(who: string, truth: LogTruth, applied: number, fail: (problem: string) => void) {
    this.#who = who
    this.#truth = truth
    this.#fail = problem => fail(`${who}: ${problem}`)
    this.#shown = applied
    this.#applied = applied
  }

  /**
   * As committed, in this node's term `inTerm`. A replica that catches up is not shown what is Raft's own, and may be
   * shown again what it has. @param sum of its content, undefined for what is Raft's own
   */
  show(index: number, term: number, sum: number | undefined, inTerm: number): void {
    const entry = this.#truth.find(index, term)
    if (entry === undefined)
      return this.#fail(`it is shown entry ${index} of term ${term}, which no log holds`)
    if (sum !== undefined && sum !== entry.sum)
      this.#fail(`it is shown another entry ${index} than the logs hold`)
    this.#truth.commit(this.#who, entry, inTerm)
    for (let skipped = this.#shown + 1; skipped < index; skipped++) {
      const passed: TrueEntry | undefined = this.#truth.committedAt(skipped)
      if (passed?.isRafts !== true) return this.#fail(`entry ${skipped} is passed over before entry ${index}`)
    }
    this.#shown = Math.max(this.#shown, index)
  }

  apply(index: number): void {
    if (index <= this.#applied) this.#fail(`it applies entry ${index} after entry ${this.#applied}`)
    else if (index > this.#shown) this.#fail(`it applies entry ${index}, which it was not shown`)
    this.#applied = index
  }
}
