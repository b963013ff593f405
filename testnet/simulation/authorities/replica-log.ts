import { BEFORE_ALL, type LogTruth, type TrueEntry } from './log-truth.ts'

export interface SeenHardState {
  readonly term: number
  readonly vote: number
  readonly commit: number
}

/** One node's Raft log of one instance, as it tells its disk to keep it. */
export class ReplicaLog {
  readonly #who: string
  readonly #truth: LogTruth
  readonly #fail: (problem: string) => void
  /** What a snapshot covers ends with it. */
  #base: TrueEntry = BEFORE_ALL
  #entries: TrueEntry[] = []
  #hard: SeenHardState = { term: 0, vote: 0, commit: 0 }
  /** As leader of this term it may take for committed, by counting, what comes after `commit`. */
  #leads: { readonly term: number; readonly commit: number } | undefined

  constructor(who: string, truth: LogTruth, fail: (problem: string) => void) {
    this.#who = who
    this.#truth = truth
    this.#fail = problem => fail(`${who}: ${problem}`)
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length
  }

  at(index: number): TrueEntry | undefined {
    return index === this.#base.index ? this.#base : this.#entries[index - this.#base.index - 1]
  }

  put(index: number, term: number, sum: number, isRafts: boolean): void {
    const before = this.at(index - 1)
    if (before === undefined)
      return this.#fail(`entry ${index} is written to a log that ends at ${this.lastIndex}`)
    const entry = this.#truth.add(this.#who, { index, term, sum, isRafts, before })
    const old = this.at(index)
    if (old === entry) return
    if (old !== undefined) this.#cut(index)
    this.#entries.push(entry)
  }

  /** What a snapshot covers goes at any time, but from behind only what was never committed. */
  remove(index: number): void {
    if (index > this.#base.index) this.#cut(index)
  }

  snapshot(index: number, term: number): void {
    const covered = this.#truth.find(index, term)
    if (covered === undefined)
      return this.#fail(`its snapshot is of entry ${index} of term ${term}, which no log holds`)
    this.#truth.commit(this.#who, covered, Number.POSITIVE_INFINITY)
    if (index < this.#base.index) return this.#fail(`its snapshot at ${index} is older than its last one`)
    if (this.at(index) === covered) this.#entries.splice(0, index - this.#base.index)
    else {
      this.#cut(index + 1)
      this.#entries = []
    }
    this.#base = covered
  }

  hardState(next: SeenHardState): void {
    const last = this.#hard
    this.#hard = next
    if (next.term < last.term) return this.#fail(`its term goes back from ${last.term} to ${next.term}`)
    if (next.term === last.term && last.vote !== 0 && next.vote !== last.vote)
      return this.#fail(`it votes for n${last.vote} and for n${next.vote} in term ${next.term}`)
    if (next.commit < last.commit)
      return this.#fail(`its commit index goes back from ${last.commit} to ${next.commit}`)
    if (next.commit > last.commit) this.#committed(next.commit, next.term)
  }

  /** It leads from now on, with this commit index. */
  leads(term: number, commit: number): void {
    this.#leads = { term, commit }
  }

  /** What it hears of from now on was counted by others. */
  leadsNoMore(): void {
    this.#leads = undefined
  }

  /** Its commit index in this term. A leader may count only what is of its own (Raft paper, 5.4.2). */
  counts(index: number, inTerm: number): void {
    const entry = this.at(index)
    if (this.#leads?.term !== inTerm || index <= this.#leads.commit) return
    if (entry === undefined || entry.term === inTerm) return
    this.#fail(
      `it leads in term ${inTerm} and takes entry ${index} of term ${entry.term} for committed by counting`,
    )
  }

  #committed(index: number, inTerm: number): void {
    if (index <= this.#base.index) return
    const entry = this.at(index)
    if (entry === undefined)
      return this.#fail(`its commit index ${index} is past its log, which ends at ${this.lastIndex}`)
    this.counts(index, inTerm)
    this.#truth.commit(this.#who, entry, inTerm)
  }

  #cut(from: number): void {
    const cut = this.#entries.splice(Math.max(0, from - this.#base.index - 1))
    const committed = cut.find(entry => this.#truth.isCommitted(entry))
    if (committed !== undefined) this.#fail(`it gives up entry ${committed.index}, which was committed`)
  }
}
