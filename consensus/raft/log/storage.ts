import type { ConfState, Entry, HardState, Snapshot } from '../types.ts'

/** Answer of `term` for an index below the log: its entries are only in a snapshot. */
export const COMPACTED = -1
/** Answer of `term` for an index past the log. */
export const UNAVAILABLE = -2

/** What the core reads of its persisted log. Reading is synchronous: the log is in memory since its last compaction. */
export interface LogStorage {
  initialState(): { hardState: HardState; confState: ConfState }
  firstIndex(): number
  lastIndex(): number
  /** Term of the entry, COMPACTED or UNAVAILABLE. firstIndex − 1 still has one. */
  term(index: number): number
  /** Entries from `low` (below `high`) up to `maxSize` bytes but at least one; undefined when `low` is compacted. */
  entries(low: number, high: number, maxSize: number): Entry[] | undefined
  /** The newest snapshot, undefined while there is none to send. */
  snapshot(): Snapshot | undefined
}
