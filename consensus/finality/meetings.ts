/**
 * How often a peer is taken for one that has just come. It says itself that it hears this node, so one that takes its word
 * back over and over would be asked, and answered, as often as it likes. What comes too soon is made up for later: the last word
 * of a line that is good from then on must not be lost.
 */
export class Meetings {
  readonly #intervalMs: number
  /** By peer: when it was met last. */
  readonly #metAtMs = new Map<number, number>()
  readonly #due = new Set<number>()

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** It can be reached (again). True: it is met now. */
  came(peer: number, nowMs: number): boolean {
    const isSoon = nowMs < (this.#metAtMs.get(peer) ?? Number.NEGATIVE_INFINITY) + this.#intervalMs
    this.#due[isSoon ? 'add' : 'delete'](peer)
    if (!isSoon) this.#metAtMs.set(peer, nowMs)
    return !isSoon
  }

  /** Those that came too soon and are met now. */
  madeUp(nowMs: number): number[] {
    return [...this.#due].filter(peer => this.came(peer, nowMs))
  }
}
