import type { SnapshotOffer } from '../../consensus/groups/types.ts'

/** More at once would take the disk and the line from the groups that are well. */
const maxAtOnce = 2

/** Replicas of this node that fell behind, a few at a time; the others wait, in the order in which they were offered. */
export class CatchUps {
  readonly #run: (offer: SnapshotOffer) => Promise<void>
  readonly #waiting: SnapshotOffer[] = []
  #running = 0

  /** @param run never rejects */
  constructor(run: (offer: SnapshotOffer) => Promise<void>) {
    this.#run = run
  }

  add(offer: SnapshotOffer): void {
    this.#waiting.push(offer)
    this.#next()
  }

  #next(): void {
    if (this.#running >= maxAtOnce) return
    const offer = this.#waiting.shift()
    if (offer === undefined) return
    this.#running++
    void this.#run(offer).then(() => {
      this.#running--
      this.#next()
    })
  }
}
