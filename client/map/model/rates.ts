/** What the charts draw: the last minutes, one point a second. */
export interface Series {
  readonly times: readonly number[]
  readonly values: readonly (number | null)[]
}

export const EMPTY_SERIES: Series = { times: [], values: [] }
const POINTS = 120

export function append(series: Series, timeS: number, value: number | null): Series {
  return {
    times: [...series.times.slice(1 - POINTS), timeS],
    values: [...series.values.slice(1 - POINTS), value],
  }
}

/**
 * Turns a total into a rate per second. A total that went back (another node answers now and knows less yet) gives
 * no rate and no negative one.
 */
export class RateMeter {
  #total: number | undefined
  #atMs = 0

  rate(total: number | undefined, nowMs: number): number | null {
    const before = this.#total
    const seconds = (nowMs - this.#atMs) / 1000
    this.#total = total
    this.#atMs = nowMs
    if (total === undefined || before === undefined || total < before || seconds <= 0) return null
    return (total - before) / seconds
  }
}
