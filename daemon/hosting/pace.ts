import type { Clock } from '../ports.ts'

/** 64 KiB/s: who gives less, over all that it gave, could hold up whoever reads from it for as long as it likes. */
const minBytesPerMs = 64 * 1.024
/** Of waiting, before anything has to have come. */
const graceMs = 5_000
export const graceBytes = graceMs * minBytesPerMs

/** How long a peer may be waited for, by what it has given so far. What is done with it meanwhile is not waiting. */
export class Pace {
  readonly #clock: Clock
  #leftMs = graceMs
  #sinceMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The waiting begins. Returns for how long: at most `silenceMs`. */
  wait(silenceMs: number): number {
    this.#sinceMs = this.#clock.monotonicMs()
    return Math.max(0, Math.min(silenceMs, this.#leftMs))
  }

  /** The waiting ends: so much came. */
  came(sizeBytes: number): void {
    this.#leftMs += sizeBytes / minBytesPerMs - (this.#clock.monotonicMs() - this.#sinceMs)
  }
}
