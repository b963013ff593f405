import type { Cargo } from './cargo.ts'
import type { Authority, Entity } from './id.ts'
import type { VerifyFinal } from './shown.ts'
import type { Change } from './table.ts'

/**
 * The rules' side: what an authority owns. An entity is in the estate or in a lock, never in both. Every replica must give the
 * same answers.
 */
export interface Estate {
  has(entity: Entity): boolean
  /** Takes it out, with its session. Undefined when it is not there or may not leave now. */
  take(entity: Entity): Cargo | undefined
  /** Whether this can come in: it can be read, and there is room. */
  admits(entity: Entity, cargo: Cargo): boolean
  put(entity: Entity, cargo: Cargo): void
  /** What these entries of a predecessor's state hold. Entries that are none of the rules' are passed over. */
  held(entries: Iterable<Change>): Iterable<Held>
  /** Which of so many successors gets it, from 0 on. */
  heirOf(held: Held, successors: number): number
}

export interface Held {
  readonly entity: Entity
  readonly cargo: Cargo
}

/** What a record is applied in. */
export interface Surroundings {
  readonly self: Authority
  readonly directory: Authority
  readonly estate: Estate
  readonly verify: VerifyFinal
}

/** Why a record changed nothing. */
export type Refusal =
  | 'ended'
  | 'not-ready'
  | 'own-target'
  | 'not-here'
  | 'too-much-open'
  | 'too-large'
  | 'not-proven'
  | 'not-mine'
  | 'decided'
  | 'already-here'
  | 'no-room'
  | 'not-open'
  | 'not-awaited'
  | 'no-payload'
  | 'not-successor'
