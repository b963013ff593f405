/** An entry of one Raft instance, wherever it stands. Two logs that hold it agree on all that comes before it. */
export interface TrueEntry {
  readonly index: number
  readonly term: number
  /** A checksum of its content. */
  readonly sum: number
  /** It holds no records: the state machine may never be shown it. */
  readonly isRafts: boolean
  /** Undefined only for what stands before the first entry of all. */
  readonly before: TrueEntry | undefined
}

export const BEFORE_ALL: TrueEntry = { index: 0, term: 0, sum: 0, isRafts: true, before: undefined }

/**
 * What all logs of one Raft instance have ever held, over all nodes and all their lives, as one tree; what was committed
 * is one path in it. Raft's properties (Ongaro and Ousterhout, figure 3) are checked whenever something is added, each
 * in constant time but right after an election.
 */
export class LogTruth {
  readonly #name: string
  readonly #fail: (problem: string) => void
  /** By index; of one index, mostly one. */
  readonly #entries: TrueEntry[][] = []
  readonly #committed: TrueEntry[] = [BEFORE_ALL]
  /** By index: no later than in this term was it committed. */
  readonly #committedIn: number[] = [0]
  /** By term: where its leader's log ended when it was elected is just before this entry. */
  readonly #firstOfTerm = new Map<number, TrueEntry>()

  /** `fail` is called with what is wrong. */
  constructor(name: string, fail: (problem: string) => void) {
    this.#name = name
    this.#fail = fail
  }

  get committedIndex(): number {
    return this.#committed.length - 1
  }

  find(index: number, term: number): TrueEntry | undefined {
    if (index === 0) return BEFORE_ALL
    return this.#entries[index]?.find(entry => entry.term === term)
  }

  committedAt(index: number): TrueEntry | undefined {
    return this.#committed[index]
  }

  /** Somebody's log holds this entry after `before`. */
  add(who: string, entry: TrueEntry & { readonly before: TrueEntry }): TrueEntry {
    const { index, term, before } = entry
    const known = this.find(index, term)
    if (known === undefined) return this.#addNew(who, entry)
    if (known.sum !== entry.sum)
      this.#says(`${who} holds another entry ${index} of term ${term} than somebody else`)
    else if (known.before !== before)
      this.#says(`${who} holds entry ${index} of term ${term} after other entries than somebody else`)
    return known
  }

  /** Somebody in `inTerm` takes this entry, and so all before it, for committed. */
  commit(who: string, entry: TrueEntry, inTerm: number): void {
    const { index } = entry
    const news: TrueEntry[] = []
    let at = entry
    for (; at.index > this.committedIndex; at = at.before!) news.push(at)
    const known = this.#committed[at.index]!
    if (known !== at)
      return this.#says(
        `${who} takes entry ${at.index} of term ${at.term} for committed, but that of term ${known.term} is`,
      )
    for (const each of news.reverse()) {
      this.#committed.push(each)
      this.#committedIn.push(inTerm)
    }
    for (let i = index; i > 0 && this.#committedIn[i]! > inTerm; i--) this.#committedIn[i] = inTerm
    for (const [term, first] of this.#firstOfTerm) if (term > inTerm) this.#checkLeader(term, first, index)
  }

  /** Whether the log of the leader of this term holds that entry; true as well where nobody has heard of that leader yet. */
  isOfLeader(term: number, index: number, entryTerm: number): boolean {
    const first = this.#firstOfTerm.get(term)
    if (first === undefined || entryTerm === term) return true
    if (index >= first.index) return false
    let at: TrueEntry = first
    while (at.index > index) at = at.before!
    return at.term === entryTerm
  }

  isCommitted(entry: TrueEntry): boolean {
    return entry.index > 0 && this.#committed[entry.index] === entry
  }

  #addNew(who: string, entry: TrueEntry & { readonly before: TrueEntry }): TrueEntry {
    const { index, term, before } = entry
    this.#entries[index] ??= []
    this.#entries[index].push(entry)
    if (before.term > term)
      this.#says(`${who} holds entry ${index} of term ${term} after one of term ${before.term}`)
    if (before.term >= term) return entry
    const first = this.#firstOfTerm.get(term)
    if (first !== undefined) {
      this.#says(`two leaders of term ${term}: their first entries are ${first.index} and ${index}`)
      return entry
    }
    this.#firstOfTerm.set(term, entry)
    let committed = this.committedIndex
    while (this.#committedIn[committed]! >= term) committed--
    this.#checkLeader(term, entry, committed)
    return entry
  }

  /** Leader completeness: whoever leads in a later term holds what was committed in an earlier one. */
  #checkLeader(term: number, first: TrueEntry, committed: number): void {
    let at: TrueEntry = first
    while (at.index > committed) at = at.before!
    if (first.index > committed && at === this.#committed[committed]) return
    this.#says(`the leader of term ${term} lacks entry ${committed}, which was committed before`)
  }

  #says(problem: string): void {
    this.#fail(`${this.#name}: ${problem}`)
  }
}
