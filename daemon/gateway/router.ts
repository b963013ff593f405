import type { ReadDone } from '../authority/reading.ts'
import type { FinalAsk, FinalProof } from '../hosting/final-asks.ts'

/** What the gateway needs from its node to reach the authorities; it knows nothing of leaders and members' addresses. */

/** Whatever takes inputs. */
export interface AuthorityInfo {
  readonly name: string
  /** Its log's origin: `<network>/<name>/<birth>`. */
  readonly origin: string
  readonly group: number
  /** Node numbers. */
  readonly members: readonly number[]
  /** Its first epoch, and who it was founded with. */
  readonly epoch: number
  readonly founders: readonly number[]
}

/** Where somebody can play. */
export interface AreaInfo extends AuthorityInfo {
  readonly quadkey: string
  /** The corner with the smallest coordinates, and the side of the square. */
  readonly xMm: number
  readonly yMm: number
  readonly sideMm: number
  /** Characters come and go over its borders. */
  readonly borders?: 'open' | undefined
}

export interface AuthorityRouter {
  areas(): readonly AreaInfo[]
  /** Routes input bodies, in order, to the leader of `area`, retrying across leader changes until answered or a deadline. */
  submit(area: string, bodies: readonly Uint8Array[], source: InputSource): void
  /** Asks how an entity is now: its id, or a player's key for its character. `answer` is called once. */
  read(area: string, target: Uint8Array, answer: (result: ReadResult) => void): void
  /** Tells once leaves are final. `answer` is called once. */
  whenFinal(area: string, ask: FinalAsk, answer: (result: FinalResult) => void): void
  /** The area's ghosts: the whole state once, then changes. Returns what ends the subscription. */
  subscribe(area: string, listener: FeedListener): () => void
}

/** A session whose inputs are routed. */
export interface InputSource {
  /** These have this result: told once of each, at once or later. */
  answered(bodies: readonly Uint8Array[], result: InputResult): void
}

export type InputResult =
  /** Logged and applied; what came of them stands in the receipts' outcomes (client/protocol/receipts.ts). */
  | { readonly kind: 'committed'; readonly receipts: Uint8Array }
  | { readonly kind: 'gap'; readonly expectedSeq: number }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** Not logged, used no seq. */
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number }
  /** Neither: the character is in another area now. The hash of that one's log's origin, in hex. */
  | { readonly kind: 'moved'; readonly to: string }

export type ReadResult = ReadDone | { readonly kind: 'busy' | 'unavailable'; readonly retryAfterMs: number }

export type FinalResult =
  | { readonly kind: 'final'; readonly proof: FinalProof }
  | { readonly kind: 'busy' | 'unavailable'; readonly retryAfterMs: number }
  | { readonly kind: 'refused'; readonly code: string }

export interface FeedListener {
  /** The whole state, at the beginning and again after `lost`. Entities are in world/codec's public form. */
  state(tick: number, leaf: number, entities: Uint8Array[]): void
  delta(tick: number, leaf: number, changed: Uint8Array[], removed: string[], events: Uint8Array[]): void
  /** Contact is lost; what was told may be old until the next `state`. */
  lost(): void
}
