import { RaftFault } from '../fault.ts'
import {
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  type HardState,
  type Snapshot,
} from '../types.ts'
import { sliceLimited } from './sizes.ts'
import { COMPACTED, type LogStorage, UNAVAILABLE } from './storage.ts'

const EMPTY_SNAPSHOT: Snapshot = { index: 0, term: 0, confState: EMPTY_CONF_STATE, data: EMPTY_BYTES }

/** What a node finds on its disk when it starts. */
export interface RecoveredLog {
  readonly hardState?: HardState
  /** The log begins after it. */
  readonly snapshot?: Snapshot
  /** The members as of what was applied, when that is more than the snapshot. */
  readonly confState?: ConfState
  readonly entries?: readonly Entry[]
}

/** The entries since the last compaction, as they are on disk: the host appends here what it has written there. */
export class MemoryLog implements LogStorage {
  #hardState: HardState
  readonly #confState: ConfState | undefined
  #snapshot: Snapshot
  /** Index and term of the entry before the first one. */
  #baseIndex: number
  #baseTerm: number
  #entries: Entry[] = []

  constructor(recovered: RecoveredLog = {}) {
    this.#hardState = recovered.hardState ?? EMPTY_HARD_STATE
    this.#snapshot = recovered.snapshot ?? EMPTY_SNAPSHOT
    this.#confState = recovered.confState
    this.#baseIndex = this.#snapshot.index
    this.#baseTerm = this.#snapshot.term
    if (recovered.entries !== undefined) this.append(recovered.entries)
  }

  initialState(): { hardState: HardState; confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#confState ?? this.#snapshot.confState }
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState
  }

  firstIndex(): number {
    return this.#baseIndex + 1
  }

  lastIndex(): number {
    return this.#baseIndex + this.#entries.length
  }

  term(index: number): number {
    if (index < this.#baseIndex) return COMPACTED
    if (index === this.#baseIndex) return this.#baseTerm
    const entry = this.#entries[index - this.#baseIndex - 1]
    return entry === undefined ? UNAVAILABLE : entry.term
  }

  entries(low: number, high: number, maxSize: number): Entry[] | undefined {
    const first = this.firstIndex()
    if (low < first) return undefined
    if (high > this.lastIndex() + 1) throw new RaftFault('read-past-log', { high, last: this.lastIndex() })
    return sliceLimited(this.#entries, low - first, high - first, maxSize)
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot.index === 0 ? undefined : this.#snapshot
  }

  /** Entries that replace everything from the first of them on. What is compacted already is skipped. */
  append(entries: readonly Entry[]): void {
    let from = 0
    while (from < entries.length && entries[from]!.index <= this.#baseIndex) from++
    if (from === entries.length) return
    const keep = entries[from]!.index - this.firstIndex()
    if (keep > this.#entries.length)
      throw new RaftFault('gap-in-log', { index: entries[from]!.index, last: this.lastIndex() })
    this.#entries.length = keep
    for (let i = from; i < entries.length; i++) this.#entries.push(entries[i]!)
  }

  /** A snapshot from the leader replaces the whole log. False when it is not newer than ours. */
  applySnapshot(snapshot: Snapshot): boolean {
    if (this.#snapshot.index !== 0 && snapshot.index <= this.#snapshot.index) return false
    this.#snapshot = snapshot
    this.#baseIndex = snapshot.index
    this.#baseTerm = snapshot.term
    this.#entries = []
    return true
  }

  /**
   * The state as of `index` can from now on be sent to followers. A member that was added after the newest snapshot
   * needs a newer one before it can catch up. False when it is not newer than ours.
   */
  createSnapshot(index: number, confState: ConfState, data: Uint8Array): boolean {
    if (index <= this.#snapshot.index) return false
    const term = this.term(index)
    if (term < 0) throw new RaftFault('snapshot-past-log', { index, last: this.lastIndex() })
    this.#snapshot = { index, term, confState, data }
    return true
  }

  /** Drops entries up to and including `index`; they must be in a snapshot. False when they are gone already. */
  compact(index: number): boolean {
    if (index <= this.#baseIndex) return false
    const term = this.term(index)
    if (term < 0) throw new RaftFault('compact-past-log', { index, last: this.lastIndex() })
    this.#entries.splice(0, index - this.#baseIndex)
    this.#baseIndex = index
    this.#baseTerm = term
    return true
  }
}
