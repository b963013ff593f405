import { type Bucket, newBucket } from './bucket.ts'
import type { Interest, Sight } from './interest.ts'
import type { GatewayLimits } from './limits.ts'
import type { Asking } from './questions.ts'
import type { InputSource } from './router.ts'

/** Where a session's view is fixed, when it isn't around its own entity. */
export interface Place {
  readonly area: string
  readonly sight: Sight
}

/** An opened session: who plays through this connection, and what that client sees. */
export interface Session {
  readonly player: string
  readonly playerKey: Uint8Array
  readonly sessionTag: Uint8Array
  /** By the gateway's wall clock. */
  readonly expiresAtMs: number
  readonly inputs: Bucket
  /** How often it may be followed to where its character has gone. */
  readonly moves: Bucket
  readonly reads: Asking
  readonly finals: Asking
  /** How often it may have the log sealed at once. */
  readonly seals: Bucket
  /** As the welcome listed them: views name an area by its place in this list. */
  readonly areaNames: readonly string[]
  /** The area that inputs go to. */
  area: string
  /** The area that its character is seen in: views are of it. */
  shown: string
  inFlight: number
  /** Where its inputs' answers come to. */
  readonly source: InputSource
  ownSight: { radiusMm: number; limit: number }
  place: Place | undefined
  interest: Interest | undefined
  viewedMs: number
}

export interface Connection {
  readonly id: number
  readonly remoteAddress: string
  readonly openedMs: number
  /** Good for one attempt: a second one needs a new connection. */
  readonly nonce: Uint8Array
  session: Session | undefined
  readonly requests: Bucket
  offences: number
  offendedMs: number
  /** When its unsent bytes passed the limit, or undefined. */
  slowSinceMs: number | undefined
}

export function newConnection(
  id: number,
  remoteAddress: string,
  nonce: Uint8Array,
  limits: GatewayLimits,
  nowMs: number,
): Connection {
  return {
    id,
    remoteAddress,
    openedMs: nowMs,
    nonce,
    session: undefined,
    requests: newBucket(limits.requestsPerSecond, limits.requestBurst, nowMs),
    offences: 0,
    offendedMs: nowMs,
    slowSinceMs: undefined,
  }
}
