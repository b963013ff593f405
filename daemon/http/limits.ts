import { LRUCache } from 'lru-cache'
import { type Bucket, newBucket, take, waitMs } from '../gateway/bucket.ts'
import { HttpError } from './errors.ts'

/** The API only reads, but for the one path that takes operators' commands: no other request has a body, and none is long. */
export const LIMITS = {
  urlChars: 1024,
  headerBytes: 8 * 1024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  connections: 512,
  addresses: 10_000,
  /** As long as a command file may be (daemon/operators/command-file.ts), in UTF-8. */
  commandBytes: 64 * 1024,
} as const

export interface RateLimit {
  readonly perSecond: number
  readonly burst: number
}

/** A token bucket per address; the least recently seen address is forgotten first. */
export class RateLimiter {
  readonly #rate: RateLimit
  readonly #buckets = new LRUCache<string, Bucket>({ max: LIMITS.addresses })

  constructor(rate: RateLimit) {
    this.#rate = rate
  }

  /** Milliseconds to wait before another request is welcome; 0 when this one is. */
  take(address: string, nowMs: number): number {
    let bucket = this.#buckets.get(address)
    if (bucket === undefined) {
      bucket = newBucket(this.#rate.perSecond, this.#rate.burst, nowMs)
      this.#buckets.set(address, bucket)
    }
    return take(bucket, nowMs) ? 0 : waitMs(bucket)
  }
}

/** Where operators' commands are brought. */
export const COMMANDS_URL = '/api/v1/directory/commands'

export interface RequestShape {
  readonly method: string
  readonly url: string
  readonly contentLength: string | undefined
  readonly transferEncoding: string | undefined
}

/** Why a request is refused before anything looks at what it asks for. */
export function shapeProblem(request: RequestShape): HttpError | undefined {
  if (request.method === 'POST' && request.url === COMMANDS_URL) return commandProblem(request)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return new HttpError(405, 'method-not-allowed', 'This API only reads: use GET.')
  }
  if (request.url.length > LIMITS.urlChars) {
    return new HttpError(414, 'url-too-long', `A URL has at most ${LIMITS.urlChars} characters.`)
  }
  if (request.transferEncoding !== undefined || Number(request.contentLength ?? 0) !== 0) {
    return new HttpError(413, 'body-not-allowed', 'A request has no body.')
  }
  return undefined
}

function commandProblem({ contentLength, transferEncoding }: RequestShape): HttpError | undefined {
  if (transferEncoding !== undefined || contentLength === undefined)
    return new HttpError(411, 'length-required', 'A command says how long it is.')
  if (Number(contentLength) <= LIMITS.commandBytes) return undefined
  return new HttpError(413, 'too-long', `A command has at most ${LIMITS.commandBytes} bytes.`)
}
