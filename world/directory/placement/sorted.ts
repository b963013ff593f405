/** Arrays in ascending order without repetition: what is gone through must not depend on the order of insertion. */

/** The first index whose element is not below. */
export function lowerBound<T extends number | string>(sorted: readonly T[], value: T): number {
  let from = 0
  let to = sorted.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (sorted[middle]! < value) from = middle + 1
    else to = middle
  }
  return from
}

export function insert<T extends number | string>(sorted: T[], value: T): void {
  const at = lowerBound(sorted, value)
  if (sorted[at] !== value) sorted.splice(at, 0, value)
}

export function remove<T extends number | string>(sorted: T[], value: T): void {
  const at = lowerBound(sorted, value)
  if (sorted[at] === value) sorted.splice(at, 1)
}

export function ascending(numbers: Iterable<number>): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b)
}

/** At most `count` elements, beginning at another place each tick, so that all have their turn. */
export function* turn<T>(items: readonly T[], tick: number, count: number): Iterable<T> {
  const taken = Math.min(count, items.length)
  const first = items.length === 0 ? 0 : (tick * taken) % items.length
  for (let i = 0; i < taken; i++) yield items[(first + i) % items.length]!
}
