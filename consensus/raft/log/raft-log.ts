import { RaftFault } from '../fault.ts'
import { type Entry, EntryType, NO_LIMIT, type Snapshot } from '../types.ts'
import { entriesSize, entrySize, sliceLimited } from './sizes.ts'
import { COMPACTED, type LogStorage, UNAVAILABLE } from './storage.ts'
import { Unstable } from './unstable.ts'

/** The log as the core sees it: the storage, and over it what is not on disk yet. applied ≤ applying ≤ committed. */
export class RaftLog {
  readonly storage: LogStorage
  readonly unstable: Unstable
  committed: number
  /** Up to here entries were handed to the host to be applied. */
  applying: number
  applied: number
  readonly #maxApplyingSize: number
  #applyingSize = 0
  #applyingPaused = false

  constructor(storage: LogStorage, maxApplyingSize = NO_LIMIT) {
    this.storage = storage
    this.unstable = new Unstable(storage.lastIndex() + 1)
    this.committed = storage.firstIndex() - 1
    this.applying = this.committed
    this.applied = this.committed
    this.#maxApplyingSize = maxApplyingSize
  }

  firstIndex(): number {
    return this.unstable.snapshot === undefined ? this.storage.firstIndex() : this.unstable.snapshot.index + 1
  }

  lastIndex(): number {
    const last = this.unstable.lastIndex()
    return last === -1 ? this.storage.lastIndex() : last
  }

  lastTerm(): number {
    const term = this.term(this.lastIndex())
    if (term < 0) throw new RaftFault('no-last-term', { last: this.lastIndex() })
    return term
  }

  /** COMPACTED or UNAVAILABLE outside of the log. */
  term(index: number): number {
    const term = this.unstable.term(index)
    if (term !== -1) return term
    if (index + 1 < this.firstIndex()) return COMPACTED
    if (index > this.lastIndex()) return UNAVAILABLE
    return this.storage.term(index)
  }

  matchTerm(index: number, term: number): boolean {
    return this.term(index) === term
  }

  /** Whether a log that ends with (index, term) has everything that this one may have committed (Raft paper 5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    const lastTerm = this.lastTerm()
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex())
  }

  /** The entries follow (prevIndex, prevTerm). Returns the last new index, or −1 when the logs do not agree there. */
  maybeAppend(prevIndex: number, prevTerm: number, entries: readonly Entry[], commit: number): number {
    if (!this.matchTerm(prevIndex, prevTerm)) return -1
    const last = prevIndex + entries.length
    let from = 0
    while (from < entries.length && this.matchTerm(entries[from]!.index, entries[from]!.term)) from++
    if (from < entries.length) this.append(entries, from)
    this.commitTo(Math.min(commit, last))
    return last
  }

  /** Appends entries[from…]. Returns the last index. */
  append(entries: readonly Entry[], from = 0): number {
    if (from < entries.length) {
      const first = entries[from]!.index
      if (first <= this.committed)
        throw new RaftFault('overwrite-committed', { index: first, committed: this.committed })
      this.unstable.truncateAndAppend(entries, from)
    }
    return this.lastIndex()
  }

  /**
   * The last index ≤ `index` whose term is ≤ `term`: beyond it the two logs cannot agree, since terms never fall
   * within a log. The term is 0 when the log does not reach that far.
   */
  findConflictByTerm(index: number, term: number): { index: number; term: number } {
    for (let i = index; i > 0; i--) {
      const ours = this.term(i)
      if (ours < 0) return { index: i, term: 0 }
      if (ours <= term) return { index: i, term: ours }
    }
    return { index: 0, term: 0 }
  }

  commitTo(index: number): void {
    if (index <= this.committed) return
    if (index > this.lastIndex()) throw new RaftFault('commit-past-log', { index, last: this.lastIndex() })
    this.committed = index
  }

  /** Only entries of the leader's own term are committed by counting (Raft paper 5.4.2). */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.committed || term === 0 || !this.matchTerm(index, term)) return false
    this.commitTo(index)
    return true
  }

  /** The host has applied up to `index`; `size` is what it was handed and has now finished. */
  appliedTo(index: number, size: number): void {
    if (index > this.committed || index < this.applied)
      throw new RaftFault('applied-out-of-range', {
        index,
        applied: this.applied,
        committed: this.committed,
      })
    this.applied = index
    this.applying = Math.max(this.applying, index)
    this.#applyingSize = Math.max(0, this.#applyingSize - size)
    this.#applyingPaused = this.#applyingSize >= this.#maxApplyingSize
  }

  /** Committed entries up to `index` were handed to the host. */
  acceptApplying(index: number, size: number, allowUnstable: boolean): void {
    this.applying = index
    this.#applyingSize += size
    // When the size cut the batch short, wait until it is applied, instead of topping it up entry by entry.
    this.#applyingPaused =
      this.#applyingSize >= this.#maxApplyingSize || index < this.#maxAppliableIndex(allowUnstable)
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false
    return this.applying < this.#maxAppliableIndex(allowUnstable)
  }

  /** Committed entries for the host to apply; with async writes only those that are known to be on disk here. */
  nextCommitted(allowUnstable: boolean): Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return []
    const high = this.#maxAppliableIndex(allowUnstable) + 1
    const entries = this.slice(this.applying + 1, high, this.#maxApplyingSize - this.#applyingSize)
    if (entries === undefined) throw new RaftFault('committed-entries-compacted', { from: this.applying + 1 })
    return entries
  }

  /** A committed configuration change that is not applied: an election must wait for it. */
  hasUnappliedConfChange(): boolean {
    let low = this.applied + 1
    while (low <= this.committed) {
      const entries = this.slice(low, this.committed + 1, this.#maxApplyingSize)
      if (entries === undefined || entries.length === 0) return false
      if (entries.some(entry => entry.type !== EntryType.Normal)) return true
      low += entries.length
    }
    return false
  }

  /** Entries from `index` on, up to `maxSize` bytes but at least one; undefined when they are compacted. */
  entries(index: number, maxSize: number): Entry[] | undefined {
    const last = this.lastIndex()
    return index > last ? [] : this.slice(index, last + 1, maxSize)
  }

  slice(low: number, high: number, maxSize: number): Entry[] | undefined {
    if (low < this.firstIndex()) return undefined
    if (low >= high) return []
    const { offset, entries: unstable } = this.unstable
    if (low >= offset) return sliceLimited(unstable, low - offset, high - offset, maxSize)
    const cut = Math.min(high, offset)
    const stored = this.storage.entries(low, cut, maxSize)
    if (stored === undefined || high <= offset || stored.length < cut - low) return stored
    let room = maxSize - entriesSize(stored)
    for (let i = 0; i < high - offset; i++) {
      room -= entrySize(unstable[i]!)
      if (room < 0) break
      stored.push(unstable[i]!)
    }
    return stored
  }

  /** Payload bytes that are not applied yet. */
  unappliedPayloadSize(): number {
    let size = 0
    let low = Math.max(this.applied + 1, this.firstIndex())
    const last = this.lastIndex()
    while (low <= last) {
      const entries = this.slice(low, last + 1, this.#maxApplyingSize)!
      for (const entry of entries) size += entry.data.length
      low += entries.length
    }
    return size
  }

  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.storage.snapshot()
  }

  restore(snapshot: Snapshot): void {
    this.committed = snapshot.index
    this.unstable.restore(snapshot)
  }

  #maxAppliableIndex(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1)
  }
}
