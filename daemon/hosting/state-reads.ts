import type { ReadAsked, ReadDone } from '../../consensus/groups/types.ts'
import { isTarget, type ReadAnswer, stateOf } from '../authority/reading.ts'
import type { Replica } from '../authority/replica.ts'

/** Reads of one authority that wait here. */
const maxWaiting = 4_096
/** A replica that is so far behind what the leader had committed lets another one answer. */
const patienceMs = 2_000
const retryAfterMs = 200

interface Waiting {
  readonly target: Uint8Array
  readonly answer: (answer: ReadAnswer) => void
  readonly sinceMs: number
  /** Once the group has told: what has to be applied first. */
  index: number | undefined
  byLease: boolean
}

/** Answers reads from a replica's state, as soon as that is known to be new enough. Nothing is logged. */
export class StateReads {
  readonly #replica: Replica
  readonly #ask: (context: number) => ReadAsked
  readonly #waiting = new Map<number, Waiting>()
  #lastContext = 0

  /** `ask` puts the question to the group, which answers by `told`. */
  constructor(replica: Replica, ask: (context: number) => ReadAsked) {
    this.#replica = replica
    this.#ask = ask
  }

  read(target: Uint8Array, nowMs: number, answer: (answer: ReadAnswer) => void): void {
    if (!isTarget(target)) return answer({ kind: 'refused', code: 'malformed' })
    if (this.#waiting.size >= maxWaiting) return answer({ kind: 'busy', retryAfterMs })
    const context = ++this.#lastContext
    const asked = this.#ask(context)
    if (asked.ok)
      this.#waiting.set(context, { target, answer, sinceMs: nowMs, index: undefined, byLease: false })
    else answer(asked.code === 'busy' ? { kind: 'busy', retryAfterMs } : { kind: 'not-leader', leader: 0 })
  }

  /** The group's answer; `applied` is the last Raft index in the state. */
  told(done: ReadDone, applied: number): void {
    const read = this.#waiting.get(done.context)
    if (read === undefined) return
    if (!done.ok) return this.#end(done.context, read, { kind: 'not-leader', leader: 0 })
    read.index = done.index
    read.byLease = done.by === 'lease'
    if (done.index <= applied) this.#serve(done.context, read)
  }

  applied(index: number): void {
    for (const [context, read] of this.#waiting)
      if (read.index !== undefined && read.index <= index) this.#serve(context, read)
  }

  tick(nowMs: number): void {
    for (const [context, read] of this.#waiting) {
      if (nowMs - read.sinceMs < patienceMs) return
      this.#end(context, read, { kind: 'not-leader', leader: 0 })
    }
  }

  /** The state serves nobody any more. */
  end(): void {
    for (const [context, read] of this.#waiting) this.#end(context, read, { kind: 'not-leader', leader: 0 })
  }

  #serve(context: number, read: Waiting): void {
    const state = { ...stateOf(this.#replica, read.target), byLease: read.byLease }
    this.#end(context, read, { kind: 'state', state })
  }

  #end(context: number, { answer }: Waiting, given: ReadAnswer): void {
    this.#waiting.delete(context)
    answer(given)
  }
}
