import type { Outcome } from '../../world/codec.ts'
import type { AdminNonce } from '../../world/directory/codec/command.ts'
import type { DirectoryAction } from '../../world/directory/codec/input.ts'
import type { Cancel, Clock } from '../ports.ts'
import type { Saying } from './client.ts'

export type CommandAction = Extract<DirectoryAction, { kind: 'command' }>

export type CommandAnswer =
  /** `isFinal`: the members have decided it, and this node has seen that. Of a refusal nobody waits for that: it changes nothing. */
  | { readonly kind: 'decided'; readonly outcome: Outcome; readonly isFinal: boolean }
  /** Others wait already. */
  | { readonly kind: 'busy' }
  /** Not in time. It may be done all the same, now or later. */
  | { readonly kind: 'unanswered' }

export interface CommandsParts {
  readonly clock: Clock
  /** Whether the certified log has that command; undefined while this node does not know it. */
  readonly isDone: (nonce: AdminNonce) => boolean | undefined
}

interface Waiting {
  readonly action: CommandAction
  readonly answer: (answer: CommandAnswer) => void
  readonly timer: Cancel
  /** It stands in the log with this outcome. */
  outcome: Outcome | undefined
}

const maxWaiting = 8
const deadlineMs = 20_000

/** Commands that operators gave to this node, on their way to the directory: one after the other, each answered once. */
export class Commands {
  readonly #parts: CommandsParts
  readonly #waiting: Waiting[] = []

  constructor(parts: CommandsParts) {
    this.#parts = parts
  }

  bring(action: CommandAction, answer: (answer: CommandAnswer) => void): void {
    if (this.#waiting.length >= maxWaiting) return answer({ kind: 'busy' })
    const timer = this.#parts.clock.after(deadlineMs, () => this.#end(waiting, false))
    const waiting: Waiting = { action, answer, timer, outcome: undefined }
    this.#waiting.push(waiting)
  }

  /** The next one to be said to the directory. */
  next(): Saying | undefined {
    const waiting = this.#waiting.find(({ outcome }) => outcome === undefined)
    return waiting && { action: waiting.action, said: outcome => this.#said(waiting, outcome) }
  }

  /** More of the directory's log is certified. */
  shown(): void {
    for (const waiting of [...this.#waiting])
      if (waiting.outcome !== undefined && this.#parts.isDone(waiting.action.nonce)) this.#end(waiting, true)
  }

  stop(): void {
    for (const waiting of [...this.#waiting]) this.#end(waiting, false)
  }

  #said(waiting: Waiting, outcome: Outcome): void {
    waiting.outcome = outcome
    const isDone = this.#parts.isDone(waiting.action.nonce)
    // A refusal waits for nothing, and who does not follow the directory would wait in vain.
    if (outcome.code !== 'ok' || isDone !== false)
      this.#end(waiting, outcome.code === 'ok' && isDone === true)
  }

  #end(waiting: Waiting, isFinal: boolean): void {
    const at = this.#waiting.indexOf(waiting)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    waiting.timer()
    const { outcome, answer } = waiting
    answer(outcome === undefined ? { kind: 'unanswered' } : { kind: 'decided', outcome, isFinal })
  }
}
