import { keysOf, type Word } from './facts.ts'
import { type Authority, type HandoverId, nameOf } from './id.ts'
import { maxAsked } from './limits.ts'
import type { Part, Shown } from './shown.ts'
import type { HandoverState } from './state.ts'

/** A word that is final and can be shown. */
export interface Told {
  readonly word: Word
  readonly id: HandoverId
  readonly shown: Shown
  readonly sinceMs: number
  /** When it is looked at again. */
  dueMs: number
  tries: number
  /** When it was said last. */
  saidMs: number
}

const words = ['locked', 'accepted', 'declined', 'released'] as const

interface Taken {
  readonly height: number
  readonly id: HandoverId
  readonly parts: readonly Part[]
}

type ByWord<T> = { readonly [word in Word]: Map<string, T> }

function byWord<T>(): ByWord<T> {
  return { locked: new Map(), accepted: new Map(), declined: new Map(), released: new Map() }
}

/** The entries for which a word stands. */
interface Standing {
  has(id: HandoverId): boolean
  entries(): Iterable<{ readonly name: string; readonly key: HandoverId }>
}

/**
 * What an authority has to say of its handovers: taken from the state at a mark, since the tree only stands as it was then,
 * and said once the seal over that mark is final.
 */
export class Words {
  readonly #self: Authority
  readonly #state: HandoverState
  readonly #told = byWord<Told>()
  readonly #taken = byWord<Taken>()
  /** Ids that others wait to hear a decline of. */
  readonly #asked = new Map<string, HandoverId>()

  constructor(self: Authority, state: HandoverState) {
    this.#self = self
    this.#state = state
  }

  /** What has been told of an id, so that it is said at once. */
  find(word: Word, id: HandoverId): Told | undefined {
    return this.#told[word].get(nameOf(id))
  }

  *due(nowMs: number): Generator<Told> {
    for (const word of words) {
      for (const [name, told] of this.#told[word]) {
        if (nowMs < told.dueMs) continue
        if (this.#isOver(told)) this.#told[word].delete(name)
        else yield told
      }
    }
  }

  /** A decline is said once, and again to who asks while it is remembered. */
  #isOver({ word, id, tries }: Told): boolean {
    return word === 'declined' ? tries > 0 : !this.#standing[word].has(id)
  }

  /** False when too many wait already. */
  ask(id: HandoverId): boolean {
    if (this.#asked.size >= maxAsked) return false
    this.#asked.set(nameOf(id), id)
    return true
  }

  /** Whether a seal would give it something new to say. */
  get wants(): boolean {
    return !this.#new().next().done
  }

  /** @param prove gives an entry of the state as it is at this mark, or that there is none */
  marked(height: number, prove: (key: Uint8Array) => Part): void {
    // A mark that takes the place of another one: what was taken at that is under no seal.
    for (const word of words)
      for (const [name, taken] of this.#taken[word])
        if (taken.height === height) this.#taken[word].delete(name)
    for (const [name, id] of this.#asked)
      if (this.#state.outcomeOf(this.#self, id) === 'accepted') this.#asked.delete(name)
    for (const [word, name, id] of this.#new()) {
      const parts = keysOf(word, id, this.#self).map(prove)
      this.#taken[word].set(name, { height, id, parts })
    }
  }

  get #standing(): { readonly [word in Exclude<Word, 'declined'>]: Standing } {
    const { locks, accepts, released } = this.#state
    return { locked: locks, accepted: accepts, released }
  }

  /** What stands in the state, or was asked for, and is neither told nor taken. */
  *#new(): Generator<[Word, string, HandoverId]> {
    for (const word of ['locked', 'accepted', 'released'] as const) {
      for (const { name, key } of this.#standing[word].entries()) {
        if (!this.#told[word].has(name) && !this.#taken[word].has(name)) yield [word, name, key]
      }
    }
    for (const [name, id] of this.#asked) {
      const isNew = !this.#told.declined.has(name) && !this.#taken.declined.has(name)
      if (isNew && this.#state.outcomeOf(this.#self, id) === 'declined') yield ['declined', name, id]
    }
  }

  /** The seal of this height is final. What was taken at lower ones is taken anew: their certificates are not shown. */
  final(height: number, final: Uint8Array, nowMs: number): void {
    for (const word of words) {
      for (const [name, { height: taken, id, parts }] of this.#taken[word]) {
        if (taken > height) continue
        this.#taken[word].delete(name)
        if (taken < height) continue
        if (word === 'declined') this.#asked.delete(name)
        const shown = { final, parts }
        const told = { word, id, shown, sinceMs: nowMs, dueMs: nowMs, tries: 0, saidMs: -Infinity }
        this.#told[word].set(name, told)
      }
    }
  }
}
