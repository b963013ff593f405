import { lockShown, wordShown } from './facts.ts'
import { type Authority, type Entity, type HandoverId, nameOf } from './id.ts'
import { maxAccepts, maxAsked } from './limits.ts'
import { decodeMessage, encodeMessage, type Message } from './message.ts'
import type { HandoverRecord, WordRecord } from './record.ts'
import { type Part, type Shown, type Witness, witness } from './shown.ts'
import type { HandoverState } from './state.ts'
import type { Change } from './table.ts'
import type { Surroundings } from './types.ts'
import { type Forward, Waiting } from './waiting.ts'
import { type Told, Words } from './words.ts'

/** A decline is remembered for the longest wait. */
const rememberedTries = 16

export interface DeskOptions {
  /** Of a clock that never goes back. */
  readonly nowMs: () => number
  /** Who answers for an authority: itself, or all that have inherited from it, at the end of every line. */
  readonly answersFor: (authority: Authority) => readonly Authority[]
  /** A word is said again after this, twice as long each time, up to `longestMs`. */
  readonly resendMs: number
  readonly longestMs: number
  /** A source whose lock has no outcome for so long asks to refuse it. */
  readonly patienceMs: number
}

export interface Proposal {
  readonly record: HandoverRecord
  /** Goes beside an `inherit`. */
  readonly payload: readonly Change[] | undefined
}

export interface DeskEffects {
  readonly propose: readonly Proposal[]
  readonly send: readonly { readonly to: Authority; readonly message: Uint8Array }[]
  readonly forward: readonly Forward[]
  /** Their last final state is wanted, whole, for `fetched`. */
  readonly fetch: readonly Authority[]
}

/**
 * An authority's leader, as far as handovers go. It keeps nothing that may not be lost: a new leader opens another desk over
 * the same state. It says what the state says, when that is final, until it sees the outcome.
 */
export class Desk {
  readonly #state: HandoverState
  readonly #around: Surroundings
  readonly #options: DeskOptions
  readonly #words: Words
  readonly #waiting: Waiting
  /** What is proposed already, by kind and id, and until when that is waited for. */
  readonly #proposed = new Map<string, number>()
  /** Who has shown that it has forgotten, of those that answer for the target. */
  readonly #declined = new Map<string, Set<Authority>>()
  readonly #unlocked = new Map<Entity, { tries: number; untilMs: number }>()
  readonly #fetchDueMs = new Map<Authority, number>()
  readonly counters = new Map<string, number>()
  #proposals: Proposal[] = []
  #send: { to: Authority; message: Uint8Array }[] = []
  #forward: Forward[] = []
  #fetch: Authority[] = []

  constructor(state: HandoverState, around: Surroundings, options: DeskOptions) {
    this.#state = state
    this.#around = around
    this.#options = options
    this.#words = new Words(around.self, state)
    this.#waiting = new Waiting(around.self, state, around.estate)
  }

  /** Whether an entity may be locked again, after a refusal: that backs off. */
  mayLock(entity: Entity): boolean {
    return this.#options.nowMs() >= (this.#unlocked.get(entity)?.untilMs ?? 0)
  }

  /** An input for an entity: `here` is the leader's own to apply, `waits` is kept, another authority is where it has gone. */
  input(entity: Entity, input: Uint8Array): 'here' | 'waits' | 'busy' | 'unknown' | { to: Authority } {
    const at = this.#waiting.whereIs(entity)
    if (at === 'unknown') return this.#state.isOpen ? 'unknown' : 'busy'
    if (at === undefined) return this.#waiting.add(entity, input) ? 'waits' : 'busy'
    if (at !== this.#around.self) return { to: at }
    return this.#state.isOpen ? 'here' : 'busy'
  }

  /** Something can be said once a seal covers it: have one made at once. */
  get wantsSeal(): boolean {
    return this.#state.isOpen && this.#words.wants
  }

  /** The state has been marked: `prove` gives entries as they are now. */
  marked(height: number, prove: (key: Uint8Array) => Part): void {
    if (this.#state.isOpen) this.#words.marked(height, prove)
  }

  /** The seal of this height is anchored. */
  final(height: number, final: Uint8Array): void {
    this.#words.final(height, final, this.#options.nowMs())
    this.tick()
  }

  /** Bytes from anybody. */
  receive(bytes: Uint8Array): void {
    const message = decodeMessage(bytes)
    if (message === undefined) return this.#count('malformed')
    if (!this.#state.isOpen) return this.#count('not-open')
    if (message.word === 'locked') return this.#locked(message)
    if (message.word === 'accepted') return this.#accepted(message)
    return message.word === 'declined' ? this.#onDecline(message) : this.#released(message)
  }

  #locked(message: Message): void {
    const { id } = message
    const outcome = this.#state.outcomeOf(this.#around.self, id)
    if (outcome === undefined) return this.#count('not-mine')
    if (outcome === 'open') return this.#decide(message)
    this.#answer(outcome, message)
  }

  #decide(message: Message): void {
    const by = this.#proven(message)
    if (by === undefined) return
    const { estate } = this.#around
    const { entity, cargo } = lockShown(message.id, by)!
    const hasRoom = this.#state.accepts.size < maxAccepts && estate.admits(entity, cargo)
    const accepts = !message.isTired && hasRoom && !estate.has(entity)
    this.#propose(accepts ? 'accept' : 'refuse', message)
  }

  /** Says an outcome again, or as soon as it is final. */
  #answer(word: 'accepted' | 'declined', message: Message): void {
    const told = this.#words.find(word, message.id)
    if (told !== undefined) this.#sayAgain(told)
    // Ids can be made up for whoever has ended: only one that was really given out is worth a proof.
    else if (word === 'declined' && this.#proven(message)) this.#ask(message.id)
  }

  #ask(id: HandoverId): void {
    if (!this.#words.ask(id)) this.#count('too-many-asked')
  }

  #accepted(message: Message): void {
    const { id } = message
    if (this.#state.locks.has(id)) {
      if (this.#proven(message)) this.#propose('release', message)
      return
    }
    const told = this.#words.find('released', id)
    if (told !== undefined) this.#sayAgain(told)
  }

  #onDecline(message: Message): void {
    const { id } = message
    const isLocked = this.#state.locks.has(id)
    if (!isLocked && !this.#state.released.has(id)) return this.#count('over')
    const by = this.#proven(message)
    if (by === undefined) return
    if (isLocked) return this.#propose('unlock', message)
    const name = nameOf(id)
    const declined = this.#declined.get(name) ?? new Set()
    this.#declined.set(name, declined.add(by.proven.authority))
    // All that have inherited the accept keep it until they see the release.
    if (!this.#options.answersFor(id.target).every(each => declined.has(each))) return
    this.#declined.delete(name)
    this.#propose('settle', message)
  }

  #released(message: Message): void {
    const { id } = message
    if (!this.#state.accepts.has(id)) {
      if (this.#state.outcomeOf(this.#around.self, id) === 'declined') this.#answer('declined', message)
    } else if (this.#proven(message)) {
      this.#propose('forget', message)
    }
  }

  /** The state that shows what a message says. A filter: `apply` looks again. */
  #proven({ word, id, shown }: Message): Witness | undefined {
    const by = witness(shown, this.#around.verify)
    if (by !== undefined && wordShown(word, id, by)) return by
    this.#count('not-proven')
    return undefined
  }

  #propose(kind: WordRecord['kind'], { id, shown }: Message): void {
    const nowMs = this.#options.nowMs()
    const name = `${kind}${nameOf(id)}`
    if (nowMs < (this.#proposed.get(name) ?? 0)) return this.#count('proposed')
    this.#proposed.set(name, nowMs + this.#options.longestMs)
    if (kind === 'unlock') this.#backOff(id, nowMs)
    if (kind === 'refuse' || kind === 'forget') this.#ask(id)
    this.#proposals.push({ record: { kind, id, shown }, payload: undefined })
  }

  #backOff(id: HandoverId, nowMs: number): void {
    const entity = this.#state.locks.get(id)!.entity
    const tries = (this.#unlocked.get(entity)?.tries ?? 0) + 1
    this.#unlocked.delete(entity)
    if (this.#unlocked.size >= maxAsked) this.#unlocked.delete(this.#unlocked.keys().next().value!)
    this.#unlocked.set(entity, { tries, untilMs: nowMs + this.#waitMs(tries) })
  }

  /** A predecessor's final state, as whoever held it served it. */
  fetched(
    predecessor: Authority,
    final: Uint8Array,
    order: Shown | undefined,
    payload: readonly Change[],
  ): void {
    if (!this.#state.awaited.has(predecessor)) return this.#count('over')
    this.#proposals.push({ record: { kind: 'inherit', predecessor, final, order }, payload })
  }

  /** Call it every few milliseconds, and after records were applied. */
  tick(): void {
    const nowMs = this.#options.nowMs()
    this.#forward.push(...this.#waiting.take())
    if (this.#state.closed.size > 0) return
    for (const { key } of this.#state.awaited.entries()) {
      if (nowMs < (this.#fetchDueMs.get(key) ?? 0)) continue
      this.#fetchDueMs.set(key, nowMs + this.#options.resendMs)
      this.#fetch.push(key)
    }
    for (const told of this.#words.due(nowMs)) this.#say(told)
    for (const [name, untilMs] of this.#proposed) if (nowMs >= untilMs) this.#proposed.delete(name)
    for (const [name] of this.#declined) if (this.#declined.size > maxAsked) this.#declined.delete(name)
  }

  /** Who asks shows nothing for it, and what is said is long and goes to another. */
  #sayAgain(told: Told): void {
    if (this.#options.nowMs() >= told.saidMs + this.#options.resendMs) this.#say(told)
    else this.#count('said-lately')
  }

  #say(told: Told): void {
    const { word, id, shown } = told
    const nowMs = this.#options.nowMs()
    told.saidMs = nowMs
    const isTired = word === 'locked' && nowMs > told.sinceMs + this.#options.patienceMs
    told.dueMs = nowMs + this.#waitMs(word === 'declined' ? rememberedTries : told.tries)
    told.tries += 1
    const isForTarget = word === 'locked' || word === 'released'
    const message = encodeMessage({ word, isTired, id, shown })
    for (const to of this.#options.answersFor(isForTarget ? id.target : id.source))
      this.#send.push({ to, message })
  }

  #waitMs(tries: number): number {
    const { resendMs, longestMs } = this.#options
    return Math.min(longestMs, resendMs * 2 ** Math.min(tries, rememberedTries))
  }

  #count(what: string): void {
    this.counters.set(what, (this.counters.get(what) ?? 0) + 1)
  }

  takeEffects(): DeskEffects {
    const effects = {
      ...{ propose: this.#proposals, send: this.#send, forward: this.#forward, fetch: this.#fetch },
    }
    this.#proposals = []
    this.#send = []
    this.#forward = []
    this.#fetch = []
    return effects
  }
}
