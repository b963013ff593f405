import { type Bucket, newBucket, take } from '../gateway/bucket.ts'

/** What each author may have of this node's time, however much the others say. Authors are nodes of the genesis file. */
export class Shares {
  readonly #perSecond: number
  readonly #burst: number
  readonly #buckets = new Map<number, Bucket>()

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
  }

  take(author: number, nowMs: number): boolean {
    return take(this.#of(author, nowMs), nowMs)
  }

  /** It has had its share for now. */
  spend(author: number, nowMs: number): void {
    this.#of(author, nowMs).tokens = 0
  }

  #of(author: number, nowMs: number): Bucket {
    const known = this.#buckets.get(author)
    if (known !== undefined) return known
    const bucket = newBucket(this.#perSecond, this.#burst, nowMs)
    this.#buckets.set(author, bucket)
    return bucket
  }
}
