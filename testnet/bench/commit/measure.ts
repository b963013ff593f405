/** One stretch of a closed loop: so many operations are always under way, each one's end starts the next. */
export interface Stretch {
  readonly inFlight: number
  /** Not counted. */
  readonly warmUpMs: number
  readonly measureMs: number
}

export interface Measured {
  readonly count: number
  readonly elapsedMs: number
  /** Of each counted operation, in milliseconds, in any order. */
  readonly latenciesMs: readonly number[]
  /** Processor time of all processes of the system under test, without that of the load; undefined where unknown. */
  readonly cpuMs: number | undefined
  /** Of the process that the clients are in; undefined where the load is made in one of the system's own. */
  readonly clientCpuMs: number | undefined
}

/** A system under test that is up and takes one stretch of load after another. */
export interface Subject {
  run(stretch: Stretch): Promise<Measured>
}

/** Counts what ends between the end of the warm-up and the end of the stretch. */
export class Stopwatch {
  readonly fromMs: number
  readonly toMs: number
  readonly latenciesMs: number[] = []
  count = 0
  #lastMs = 0

  constructor({ warmUpMs, measureMs }: Stretch) {
    this.fromMs = performance.now() + warmUpMs
    this.toMs = this.fromMs + measureMs
  }

  /** False when the time is over: nothing new is to be started. */
  ended(startedMs: number, nowMs: number): boolean {
    if (nowMs < this.fromMs) return true
    if (nowMs > this.toMs) return false
    this.count++
    this.#lastMs = nowMs
    this.latenciesMs.push(nowMs - startedMs)
    return true
  }

  /** Up to the last one that was counted: at few in flight the rest of the time is a part of one more. */
  get elapsedMs(): number {
    return Math.max(1, this.#lastMs - this.fromMs)
  }
}

/** The value that `part` (0 to 1) of the sorted ones stay at or below; 0 when there are none. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
