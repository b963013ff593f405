/** One node's questions to one authority that wait for an answer: four may have so many before others find no room. */
const maxWaitingOfOne = 1024
/** What a node is told that has more. */
export const shareRetryAfterMs = 200

/** How many questions wait for an answer, by who asks what. */
export class WaitingShares {
  readonly #waiting = new Map<string, number>()

  /** False when there is no room for one more. */
  begin(share: string): boolean {
    const others = this.#waiting.get(share) ?? 0
    if (others < maxWaitingOfOne) this.#waiting.set(share, others + 1)
    return others < maxWaitingOfOne
  }

  end(share: string): void {
    const left = this.#waiting.get(share)! - 1
    if (left > 0) this.#waiting.set(share, left)
    else this.#waiting.delete(share)
  }
}
