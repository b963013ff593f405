import { decodeBatch, hashBytes, type LogRecord } from '../../storage/log/record.ts'

/** Enough for all that was applied and may not be read from the store yet. */
const maxKeptBytes = 4 * 1024 * 1024
const maxKeptEntries = 4096

/** An applied entry that holds at least one record. */
interface Kept {
  readonly firstLeaf: number
  /** The batch, as it was proposed: records as objects would cost the collector more than reading them again costs us. */
  readonly data: Uint8Array
  /** 32 bytes for each record. */
  readonly leafHashes: Uint8Array
}

/**
 * The newest applied entries, so that a retry gets its receipt again without a look at the disk, where they may not stand
 * yet. Every replica keeps them, since any may lead next. What it has lost is read from the log.
 */
export class RecentEntries {
  #entries: Kept[] = []
  #first = 0
  #sizeBytes = 0

  add(entry: Kept): void {
    this.#entries.push(entry)
    this.#sizeBytes += entry.data.length
    while (this.#sizeBytes > maxKeptBytes || this.#entries.length - this.#first > maxKeptEntries)
      this.#sizeBytes -= this.#entries[this.#first++]!.data.length
    if (this.#first < maxKeptEntries && this.#first < this.#entries.length / 2) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }

  find(leaf: number): { record: LogRecord; leafHash: Uint8Array } | undefined {
    for (let i = this.#entries.length - 1; i >= this.#first; i--) {
      const { firstLeaf, data, leafHashes } = this.#entries[i]!
      if (leaf < firstLeaf) continue
      const at = leaf - firstLeaf
      const batch = decodeBatch(data)
      const record = batch.ok ? batch.records[at] : undefined
      return record && { record, leafHash: leafHashes.subarray(at * hashBytes, (at + 1) * hashBytes) }
    }
    return undefined
  }
}
