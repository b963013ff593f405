import type { Entry, Snapshot } from '../types.ts'

/**
 * The tail of the log that is not known to be on disk, and a snapshot that is not yet taken over. What was handed to
 * the host is *in progress*; it stays here until the host reports it stable.
 */
export class Unstable {
  /** Index of entries[0]. Below it, the storage has the entries. */
  offset: number
  entries: Entry[] = []
  snapshot: Snapshot | undefined = undefined
  /** Entries below it were handed to the host. */
  #inProgress: number
  #snapshotInProgress = false

  constructor(offset: number) {
    this.offset = offset
    this.#inProgress = offset
  }

  /** Last index here, −1 when there is nothing. */
  lastIndex(): number {
    if (this.entries.length > 0) return this.offset + this.entries.length - 1
    return this.snapshot === undefined ? -1 : this.snapshot.index
  }

  /** Term of an index that is here, −1 when it is not. */
  term(index: number): number {
    if (index < this.offset) {
      return this.snapshot !== undefined && this.snapshot.index === index ? this.snapshot.term : -1
    }
    const entry = this.entries[index - this.offset]
    return entry === undefined ? -1 : entry.term
  }

  /** Entries that the host has not been given. */
  nextEntries(): Entry[] {
    return this.entries.slice(this.#inProgress - this.offset)
  }

  get hasNextEntries(): boolean {
    return this.entries.length > this.#inProgress - this.offset
  }

  nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.snapshot
  }

  /** Everything here has been given to the host. */
  acceptInProgress(): void {
    this.#inProgress = this.offset + this.entries.length
    if (this.snapshot !== undefined) this.#snapshotInProgress = true
  }

  /**
   * The entry (index, term) and all before it are on disk. Ignored unless it is still the entry that is here:
   * another leader may have replaced it meanwhile.
   */
  stableTo(index: number, term: number): void {
    if (index < this.offset || this.term(index) !== term) return
    this.entries = this.entries.slice(index + 1 - this.offset)
    this.offset = index + 1
    this.#inProgress = Math.max(this.#inProgress, this.offset)
  }

  stableSnapshotTo(index: number): void {
    if (this.snapshot === undefined || this.snapshot.index !== index) return
    this.snapshot = undefined
    this.#snapshotInProgress = false
  }

  restore(snapshot: Snapshot): void {
    this.offset = snapshot.index + 1
    this.#inProgress = this.offset
    this.entries = []
    this.snapshot = snapshot
    this.#snapshotInProgress = false
  }

  /** Appends, first cutting off what is there from the first new index on. */
  truncateAndAppend(entries: readonly Entry[], from: number): void {
    const first = entries[from]!.index
    if (first <= this.offset) {
      this.offset = first
      this.#inProgress = first
      this.entries = []
    } else if (first < this.offset + this.entries.length) {
      this.entries.length = first - this.offset
      this.#inProgress = Math.min(this.#inProgress, first)
    }
    for (let i = from; i < entries.length; i++) this.entries.push(entries[i]!)
  }
}
