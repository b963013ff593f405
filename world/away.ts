import {
  decodeClosed,
  decodeForward,
  encodeClosed,
  encodeForward,
  type ForwardRecord,
  forwardKey,
} from './codec/state.ts'
import { FORWARDS_KEPT } from './limits.ts'

/** A character that is locked: it stands here for all who look, and nobody does anything with it. */
export interface Crossing {
  /** Binary string of the player's public key. */
  readonly player: string
  /** The entity's public bytes. */
  readonly bytes: Uint8Array
}

/** Nobody's key: where the greatest number that was forgotten stands. */
const CLOSED = ''

interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** Who was here: characters on their way out, and where the last ones to leave have gone. */
export class Away {
  /** By entity. Follows from the locks, and is not part of the state. */
  readonly #crossing = new Map<string, Crossing>()
  /** The same by player. */
  readonly #crossingPlayers = new Map<string, string>()
  /** By player, the one that left first at the front. */
  readonly #forwards = new Map<string, ForwardRecord>()
  readonly #dirty = new Set<string>()
  #closed = 0

  crossing(entity: string): Crossing | undefined {
    return this.#crossing.get(entity)
  }

  crossingOf(player: string): string | undefined {
    return this.#crossingPlayers.get(player)
  }

  locked(entity: string, crossing: Crossing): void {
    this.#crossing.set(entity, crossing)
    this.#crossingPlayers.set(crossing.player, entity)
  }

  unlocked(entity: string): void {
    const crossing = this.#crossing.get(entity)
    this.#crossing.delete(entity)
    if (crossing !== undefined) this.#crossingPlayers.delete(crossing.player)
  }

  forward(player: string): ForwardRecord | undefined {
    return this.#forwards.get(player)
  }

  /** The greatest session number of those who are forgotten: whoever is not known here opens a higher one. */
  get closed(): number {
    return this.#closed
  }

  setForward(player: string, forward: ForwardRecord, timeMs: number): void {
    this.forget(player)
    this.#forwards.set(player, forward)
    this.#dirty.add(player)
    if (this.#forwards.size > FORWARDS_KEPT) this.#forgetOne(timeMs)
  }

  /** One whose number is ahead of the area's time is kept while it can be: it would shut out who comes with a clock that is right. */
  #forgetOne(timeMs: number): void {
    let [gone] = this.#forwards.keys()
    for (const [player, { session }] of this.#forwards) {
      if (session > timeMs) continue
      gone = player
      break
    }
    const { session } = this.#forwards.get(gone!)!
    this.forget(gone!)
    const closed = Math.max(this.#closed, Math.min(session, timeMs))
    if (closed > this.#closed) this.#dirty.add(CLOSED)
    this.#closed = closed
  }

  /** It is here again, or has been away for long. */
  forget(player: string): void {
    if (this.#forwards.delete(player)) this.#dirty.add(player)
  }

  /** From a state, in any order; `restored` once all are there. False when it is none. */
  restore(player: string, value: Uint8Array): boolean {
    if (player === CLOSED) {
      this.#closed = decodeClosed(value) ?? 0
      return this.#closed > 0
    }
    const forward = decodeForward(value)
    if (forward !== undefined) this.#forwards.set(player, forward)
    return forward !== undefined
  }

  /** False when there are more than there may be. */
  restored(): boolean {
    const inOrder = [...this.#forwards].sort(
      ([a, { leaf: x }], [b, { leaf: y }]) => x - y || (a < b ? -1 : 1),
    )
    this.#forwards.clear()
    for (const [player, forward] of inOrder) this.#forwards.set(player, forward)
    return this.#forwards.size <= FORWARDS_KEPT
  }

  /** What changed since the last call, in key order. */
  takeDirty(): Entry[] {
    if (this.#dirty.size === 0) return []
    const dirty = [...this.#dirty].sort().map(player => this.#entry(player))
    this.#dirty.clear()
    return dirty
  }

  /** In key order. */
  *entries(): Iterable<{ key: Uint8Array; value: Uint8Array }> {
    if (this.#closed > 0) yield { key: forwardKey(CLOSED), value: encodeClosed(this.#closed) }
    for (const player of [...this.#forwards.keys()].sort())
      yield { key: forwardKey(player), value: encodeForward(this.#forwards.get(player)!) }
  }

  #entry(player: string): Entry {
    if (player === CLOSED) return { key: forwardKey(CLOSED), value: encodeClosed(this.#closed) }
    const forward = this.#forwards.get(player)
    return { key: forwardKey(player), value: forward && encodeForward(forward) }
  }
}
