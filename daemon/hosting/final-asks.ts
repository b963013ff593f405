import type { MerkleLog } from '../../storage/log/tree.ts'
import type { DecidedPoint } from './decided.ts'

/** Somebody wants to know when leaves are final. */
export interface FinalAsk {
  /** Ascending, at least one. */
  readonly leaves: readonly number[]
  /** The next seal is to come at once. */
  readonly soon: boolean
}

/** What stands at the leaves, in the log that the members have decided. */
export interface FinalProof {
  /** Newer than all of the leaves. */
  readonly certificate: Uint8Array
  /** The decided checkpoint, as this node signs it. */
  readonly checkpoint: string
  /** Leaf hashes, and those of the subtrees around them (`MerkleLog.leavesProof`). */
  readonly hashes: Uint8Array
  readonly proof: Uint8Array
}

export type FinalAnswer =
  | { readonly kind: 'final'; readonly proof: FinalProof }
  /** Ask again, here. */
  | { readonly kind: 'not-yet' }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** This node can't tell; another member may. */
  | { readonly kind: 'not-leader'; readonly leader: number }

export interface FinalAsksPorts {
  readonly log: MerkleLog
  /** The checkpoint that is shown now, as this node signs it. */
  readonly signed: () => { readonly size: number; readonly note: string } | undefined
  readonly sealSoon: () => void
  /** This node leads the authority: nobody else can have it sealed. */
  readonly leads: () => boolean
}

interface Waiting extends FinalAsk {
  readonly answer: (answer: FinalAnswer) => void
  readonly untilMs: number
}

export const maxAskedLeaves = 128
const maxWaiting = 4_096
/** Whoever asks takes a longer silence for a lost node. */
const holdMs = 500
const elsewhere: FinalAnswer = { kind: 'not-leader', leader: 0 }

/** Those who wait for leaves of one log to become final. */
export class FinalAsks {
  readonly #ports: FinalAsksPorts
  #point: DecidedPoint | undefined
  #waiting: Waiting[] = []

  constructor(ports: FinalAsksPorts) {
    this.#ports = ports
  }

  /** `answer` is called once, within half a second. */
  ask(ask: FinalAsk, nowMs: number, answer: (answer: FinalAnswer) => void): void {
    const waiting = { ...ask, answer, untilMs: nowMs + holdMs }
    if (this.#isCovered(waiting)) return void this.#prove([waiting])
    if (this.#waiting.length >= maxWaiting) return answer({ kind: 'busy', retryAfterMs: holdMs })
    this.#waiting.push(waiting)
    if (ask.soon) this.#ports.sealSoon()
  }

  /** The log is decided up to here, and shown. */
  decided(point: DecidedPoint): void {
    this.#point = point
    const covered = this.#waiting.filter(waiting => this.#isCovered(waiting))
    if (covered.length === 0) return
    this.#waiting = this.#waiting.filter(waiting => !this.#isCovered(waiting))
    void this.#prove(covered)
  }

  #isCovered({ leaves }: Waiting): boolean {
    return leaves.at(-1)! < (this.#point?.size ?? 0)
  }

  tick(nowMs: number): void {
    if (this.#waiting.length === 0 || this.#waiting[0]!.untilMs > nowMs) return
    const over = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs)
    this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs)
    const leads = this.#ports.leads()
    for (const { answer } of over) answer(leads ? { kind: 'not-yet' } : elsewhere)
  }

  /** Nobody is answered here any more. */
  end(): void {
    this.#point = undefined
    for (const { answer } of this.#waiting.splice(0)) answer(elsewhere)
  }

  /** Together, so that answers which travel the same way travel in one frame. */
  async #prove(covered: readonly Waiting[]): Promise<void> {
    const { size, certificate } = this.#point!
    const signed = this.#ports.signed()
    const answers = await Promise.all(
      covered.map(async ({ leaves }): Promise<FinalAnswer> => {
        if (signed?.size !== size) return { kind: 'not-yet' }
        const { log } = this.#ports
        const made = await log.leavesProof(leaves, size).catch(() => undefined)
        if (made === undefined) return elsewhere
        return { kind: 'final', proof: { certificate, checkpoint: signed.note, ...made } }
      }),
    )
    covered.forEach(({ answer }, i) => {
      answer(answers[i]!)
    })
  }
}

/** Whether somebody may ask for these: some, not too many, ascending. */
export function areLeaves(leaves: readonly number[]): boolean {
  if (leaves.length === 0 || leaves.length > maxAskedLeaves) return false
  return leaves.every(
    (leaf, i) => Number.isSafeInteger(leaf) && leaf >= 0 && (i === 0 || leaf > leaves[i - 1]!),
  )
}
