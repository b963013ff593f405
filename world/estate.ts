import type { DirtyEntry } from './interface.ts'

/** What goes over with an entity, as handover carries it: the entity's bytes, and those of its player's record. */
export interface Cargo {
  readonly state: Uint8Array
  readonly session: Uint8Array
}

/** What the records of a handover take from these rules, and give to them. */
export interface Estate {
  has(entity: string): boolean
  take(entity: string): Cargo | undefined
  admits(entity: string, cargo: Cargo): boolean
  put(entity: string, cargo: Cargo): void
  held(entries: Iterable<DirtyEntry>): Iterable<{ readonly entity: string; readonly cargo: Cargo }>
  heirOf(held: { readonly entity: string; readonly cargo: Cargo }, successors: number): number
  /** It is locked in the state that was restored. */
  locked(entity: string, cargo: Cargo): void
  /** It is another area's now. `target` is the hash of that one's log's origin, in hex. */
  left(entity: string, cargo: Cargo, target: string): void
}

/** How entities change owners (consensus/handover), for areas whose borders are open. Its entries' keys begin with 'h'. */
export interface HandoverRules {
  /** Applies one record's body. Says why it changed nothing; `malformed` and `not-proven` are what no honest leader logs. */
  apply(body: Uint8Array): string | undefined
  takeChanges(): readonly DirtyEntry[]
  entries(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  /** An entry of a state that is restored. False when it is none. */
  restore(key: Uint8Array, value: Uint8Array): boolean
  /** All entries are there. */
  restored(): void
}
