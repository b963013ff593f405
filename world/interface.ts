import type { Outcome } from './codec/outcome.ts'
import type { Estate, HandoverRules } from './estate.ts'
import type { Refusal } from './reasons.ts'

/**
 * What replicas, leaders, snapshots and auditors need of an authority's rules, of whatever kind it is. What only areas have
 * (entities, characters, a feed) is no part of it.
 */
export interface Rules {
  /** No input that these rules take is longer. */
  readonly maxInputBytes: number
  /** Of the last tick record; 0 before the first. */
  readonly tick: number
  /** The time of the last tick record, milliseconds since 1970; 0 before the first. */
  readonly timeMs: number
  /** False when nothing would come of time that passes. */
  needsTick(): boolean
  /** Applies one record's body. Never throws on any bytes; it alone decides. */
  apply(kind: number, body: Uint8Array, leaf: number): Applied
  /** The cheap filter before proposing. It refuses only what no earlier input still in flight could make right. */
  check(body: Uint8Array): Refusal | undefined
  /**
   * The last seq applied for this session; 0 for one that is not open here.
   * @param player bytes that begin with the key
   * @param session bytes that have the session at `sessionAt`
   */
  lastSeq(player: Uint8Array, session: Uint8Array, sessionAt?: number): number
  /** One of the session's last outcomes. */
  outcomeOf(player: Uint8Array, session: Uint8Array, seq: number): Outcome | undefined
  /** What changed since the last call, in key order. */
  takeDirty(): DirtyEntry[]
  /** All state, in key order. */
  entries(): Iterable<StateEntry>
}

/** Record kinds that change the state; all others pass the rules by. */
export const INPUT_RECORD = 3
export const TICK_RECORD = 5
export const HANDOVER_RECORD = 8

/** What one record did. */
export interface Applied {
  /** For every input that can be read. Codes of which `isConsumed` is false (world/reasons.ts) changed nothing. */
  readonly outcome: Outcome | undefined
  /** Why the record as a whole was passed over: not readable, made for another log, or a tick that is not after the last. */
  readonly ignored: Refusal | undefined
  /** Ids of the entities that are new or changed, each once, in the order in which it happened. */
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  /** `decodeEvent` reads them. */
  readonly events: readonly Uint8Array[]
}

/** What rules are given from outside. */
export interface WorldHost {
  /** The log's origin, `<network>/<name>/<birth>`. */
  readonly origin: string
  sha256(bytes: Uint8Array): Uint8Array
  /** Ed25519. Must give the same answer everywhere, and never throw. */
  verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** Where there is none, nobody leaves and nobody comes in. */
  readonly handover?: ((estate: Estate) => HandoverRules) | undefined
}

export interface StateEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface DirtyEntry {
  readonly key: Uint8Array
  /** `undefined` deletes. */
  readonly value: Uint8Array | undefined
}
