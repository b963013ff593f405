/** A token bucket: `perSecond` on the average, `burst` at once. */
export interface Bucket {
  readonly perSecond: number
  readonly burst: number
  tokens: number
  filledMs: number
}

export function newBucket(perSecond: number, burst: number, nowMs: number): Bucket {
  return { perSecond, burst, tokens: burst, filledMs: nowMs }
}

/** Takes one token; false when there is none. */
export function take(bucket: Bucket, nowMs: number): boolean {
  return takeUpTo(bucket, 1, nowMs) === 1
}

/** Takes as many tokens as there are, up to `wanted`; says how many. */
export function takeUpTo(bucket: Bucket, wanted: number, nowMs: number): number {
  const elapsedMs = Math.max(0, nowMs - bucket.filledMs)
  bucket.tokens = Math.min(bucket.burst, bucket.tokens + (elapsedMs * bucket.perSecond) / 1000)
  bucket.filledMs = nowMs
  const taken = Math.min(wanted, Math.floor(bucket.tokens))
  bucket.tokens -= taken
  return taken
}

/** Milliseconds until the next token. */
export function waitMs(bucket: Bucket): number {
  return Math.ceil((Math.max(0, 1 - bucket.tokens) * 1000) / bucket.perSecond)
}
