import { hashBytes, type LogRecord } from '../../storage/log/record.ts'
import type { AppliedEntry } from './replica.ts'

/** Enough for all that was applied and may not be read from the store yet. */
const maxKeptBytes = 4 * 1024 * 1024
const maxKeptEntries = 4096

interface Kept extends Pick<AppliedEntry, 'firstLeaf' | 'records' | 'leafHashes'> {
  readonly sizeBytes: number
}

/**
 * The newest applied entries, so that a retry gets its receipt again without a look at the disk, where they may not stand
 * yet. Every replica keeps them, since any may lead next. What it has lost is read from the log.
 */
export class RecentEntries {
  #entries: Kept[] = []
  #first = 0
  #sizeBytes = 0

  add({ firstLeaf, records, leafHashes }: AppliedEntry, sizeBytes: number): void {
    if (records.length === 0) return
    this.#entries.push({ firstLeaf, records, leafHashes, sizeBytes })
    this.#sizeBytes += sizeBytes
    while (this.#sizeBytes > maxKeptBytes || this.#entries.length - this.#first > maxKeptEntries)
      this.#sizeBytes -= this.#entries[this.#first++]!.sizeBytes
    if (this.#first < maxKeptEntries && this.#first < this.#entries.length / 2) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }

  find(leaf: number): { record: LogRecord; leafHash: Uint8Array } | undefined {
    for (let i = this.#entries.length - 1; i >= this.#first; i--) {
      const { firstLeaf, records, leafHashes } = this.#entries[i]!
      if (leaf < firstLeaf) continue
      const at = leaf - firstLeaf
      const record = records[at]
      return record && { record, leafHash: leafHashes.subarray(at * hashBytes, (at + 1) * hashBytes) }
    }
    return undefined
  }
}
