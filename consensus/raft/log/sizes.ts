import type { Entry } from '../types.ts'

/**
 * Bytes of an entry in an append message: what the size limits count. The fields of the protobuf encoding
 * without the frame around it.
 */
export function entrySize(entry: Entry): number {
  const data = entry.data.length
  return (
    (entry.type === 0 ? 0 : 2) +
    2 +
    varintSize(entry.term) +
    varintSize(entry.index) +
    (data === 0 ? 0 : 1 + varintSize(data) + data)
  )
}

export function entriesSize(entries: readonly Entry[]): number {
  let size = 0
  for (const entry of entries) size += entrySize(entry)
  return size
}

/** Bytes of payload alone: empty entries, as a new leader's, count nothing. */
export function payloadSize(entries: readonly Entry[]): number {
  let size = 0
  for (const entry of entries) size += entry.data.length
  return size
}

/** Up to `maxSize` bytes of entries from position `from` (below `to`) of an array, but at least one. */
export function sliceLimited(entries: readonly Entry[], from: number, to: number, maxSize: number): Entry[] {
  let size = 0
  let end = from
  while (end < to) {
    size += entrySize(entries[end]!)
    if (size > maxSize && end > from) break
    end++
  }
  return entries.slice(from, end)
}

export function varintSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  let size = 3
  for (let rest = Math.floor(value / 0x200000); rest > 0; rest = Math.floor(rest / 0x80)) size++
  return size
}
