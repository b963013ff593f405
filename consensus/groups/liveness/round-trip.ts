/** Before anything is measured: a guess that suits a local network, and is corrected by the first answers. */
const FIRST_GUESS_MS = 40

/** Some eight tenths of a second of answers. */
const WINDOW = 16

/**
 * How long a peer takes to answer, and how much that varies: the shortest time of late, and the usual distance from it. A
 * process that stands still for a while makes many answers late at once; they say nothing of the way, and count little.
 */
export class RoundTrip {
  readonly #recentMs: number[] = []
  #next = 0
  #deviationMs = 0
  #bestMs = FIRST_GUESS_MS

  sample(ms: number): void {
    this.#recentMs[this.#next] = ms
    this.#next = (this.#next + 1) % WINDOW
    this.#bestMs = Math.min(...this.#recentMs)
    this.#deviationMs += (ms - this.#bestMs - this.#deviationMs) / WINDOW
  }

  /** Nearly all answers are there within this time. */
  get boundMs(): number {
    return this.#bestMs + Math.min(2 * this.#deviationMs, this.#bestMs + 50)
  }
}
