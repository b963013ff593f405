import type { StoreEntry, StoreRange } from './store.ts'

/** Long enough that finding a page is cheap, short enough that an insertion moves little. */
const maxPageEntries = 512

/** A map of byte strings in byte order: pages of sorted entries, found by binary search. */
export class SortedBytes {
  #pages: StoreEntry[][] = [[]]
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Another map with the same entries; from here on each has its own. */
  copy(): SortedBytes {
    const copy = new SortedBytes()
    copy.#pages = this.#pages.map(page => page.slice())
    copy.#size = this.#size
    return copy
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const page = this.#pages[this.#pageFor(key)]!
    const at = lowerBound(page, key)
    const entry = page[at]
    return entry && compareBytes(entry.key, key) === 0 ? entry.value : undefined
  }

  /** Keeps the two arrays as they are; the caller doesn't change them afterwards. */
  set(key: Uint8Array, value: Uint8Array): void {
    const pageIndex = this.#pageFor(key)
    const page = this.#pages[pageIndex]!
    const at = lowerBound(page, key)
    const entry = page[at]
    if (entry && compareBytes(entry.key, key) === 0) {
      page[at] = { key: entry.key, value }
      return
    }
    page.splice(at, 0, { key, value })
    this.#size += 1
    if (page.length > maxPageEntries) this.#pages.splice(pageIndex + 1, 0, page.splice(page.length >> 1))
  }

  delete(key: Uint8Array): void {
    const pageIndex = this.#pageFor(key)
    const page = this.#pages[pageIndex]!
    const at = lowerBound(page, key)
    const entry = page[at]
    if (!entry || compareBytes(entry.key, key) !== 0) return
    page.splice(at, 1)
    this.#size -= 1
    if (page.length === 0 && this.#pages.length > 1) this.#pages.splice(pageIndex, 1)
  }

  /** The entries of a range as they are now: later changes don't show in what was returned. */
  slice(range: StoreRange): StoreEntry[] {
    const limit = range.limit ?? Number.POSITIVE_INFINITY
    return range.reverse ? this.#backward(range, limit) : this.#forward(range, limit)
  }

  #forward(range: StoreRange, limit: number): StoreEntry[] {
    const found: StoreEntry[] = []
    let pageIndex = this.#pageFor(range.from)
    let at = lowerBound(this.#pages[pageIndex]!, range.from)
    for (; pageIndex < this.#pages.length; pageIndex++, at = 0) {
      const page = this.#pages[pageIndex]!
      for (; at < page.length; at++) {
        const entry = page[at]!
        if (found.length >= limit || compareBytes(entry.key, range.to) >= 0) return found
        found.push(entry)
      }
    }
    return found
  }

  #backward(range: StoreRange, limit: number): StoreEntry[] {
    const found: StoreEntry[] = []
    let pageIndex = this.#pageFor(range.to)
    let at = lowerBound(this.#pages[pageIndex]!, range.to) - 1
    for (;;) {
      const page = this.#pages[pageIndex]!
      for (; at >= 0; at--) {
        const entry = page[at]!
        if (found.length >= limit || compareBytes(entry.key, range.from) < 0) return found
        found.push(entry)
      }
      if (pageIndex === 0) return found
      pageIndex -= 1
      at = this.#pages[pageIndex]!.length - 1
    }
  }

  /** The page that holds `key`, or would: the last one whose first key isn't past it. */
  #pageFor(key: Uint8Array): number {
    let low = 0
    let high = this.#pages.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (compareBytes(this.#pages[middle]![0]!.key, key) <= 0) low = middle
      else high = middle - 1
    }
    return low
  }
}

function lowerBound(page: readonly StoreEntry[], key: Uint8Array): number {
  let low = 0
  let high = page.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareBytes(page[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** As Buffer.compare; for keys, which are short, its call would cost more than the comparison. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}
