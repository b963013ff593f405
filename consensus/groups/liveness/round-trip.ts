/** Before anything is measured: a guess that suits a local network, and is corrected by the first answer. */
const FIRST_GUESS_MS = 40

/** How long a peer takes to answer, and how much that varies (RFC 6298, section 2). */
export class RoundTrip {
  #smoothedMs = 0
  #variationMs = 0
  #measured = false

  sample(ms: number): void {
    if (!this.#measured) {
      this.#measured = true
      this.#smoothedMs = ms
      this.#variationMs = ms / 2
      return
    }
    this.#variationMs += (Math.abs(ms - this.#smoothedMs) - this.#variationMs) / 4
    this.#smoothedMs += (ms - this.#smoothedMs) / 8
  }

  /** Nearly all answers are there within this time. */
  get boundMs(): number {
    return this.#measured ? this.#smoothedMs + 4 * this.#variationMs : FIRST_GUESS_MS
  }
}
