/** Bucket i holds durations below FIRST_MS · GROWTH^i: 5 % exact from 0.1 ms to about two minutes, in bounded memory. */
const FIRST_MS = 0.1
const GROWTH = 1.05
const BUCKETS = 290

/** A bounded histogram of durations in milliseconds. */
export class Histogram {
  private readonly counts = new Uint32Array(BUCKETS)
  private total = 0

  get count(): number {
    return this.total
  }

  add(durationMs: number): void {
    const bucket = durationMs <= FIRST_MS ? 0 : Math.ceil(Math.log(durationMs / FIRST_MS) / Math.log(GROWTH))
    this.counts[Math.min(BUCKETS - 1, bucket)]!++
    this.total++
  }

  merge(other: Histogram): void {
    for (let i = 0; i < BUCKETS; i++) this.counts[i]! += other.counts[i]!
    this.total += other.total
  }

  /** [bucket, count] of the buckets that hold something: small enough for a line of JSON. */
  sparse(): [number, number][] {
    return [...this.counts].flatMap((count, bucket): [number, number][] =>
      count > 0 ? [[bucket, count]] : [],
    )
  }

  addSparse(buckets: readonly (readonly [number, number])[]): void {
    for (const [bucket, count] of buckets) {
      this.counts[bucket]! += count
      this.total += count
    }
  }

  clear(): void {
    this.counts.fill(0)
    this.total = 0
  }

  /** The duration that `part` (0 to 1) of all stay at or below, rounded up to its bucket's edge; 0 when empty. */
  quantile(part: number): number {
    const rank = Math.max(1, Math.ceil(part * this.total))
    let seen = 0
    for (let i = 0; i < BUCKETS && this.total > 0; i++) {
      seen += this.counts[i]!
      if (seen >= rank) return Math.round(FIRST_MS * GROWTH ** i * 100) / 100
    }
    return 0
  }
}
