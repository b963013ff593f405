/** A node that has nothing to write finds out this often whether it still could. */
const PROBE_MS = 1000

/** Whether this node's disk takes writes. */
export class DiskWatch {
  readonly #nowMs: () => number
  readonly #stallMs: number
  #beganMs: number | undefined
  #endedMs: number

  constructor(nowMs: () => number, stallMs: number) {
    this.#nowMs = nowMs
    this.#stallMs = stallMs
    this.#endedMs = nowMs()
  }

  began(): void {
    this.#beganMs = this.#nowMs()
  }

  ended(): void {
    this.#beganMs = undefined
    this.#endedMs = this.#nowMs()
  }

  get isStalled(): boolean {
    return this.#beganMs !== undefined && this.#nowMs() - this.#beganMs > this.#stallMs
  }

  get probeIsDue(): boolean {
    return this.#beganMs === undefined && this.#nowMs() - this.#endedMs >= PROBE_MS
  }
}
