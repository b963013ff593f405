import type { MerkleLog } from '../../storage/log/tree.ts'
import { Shares } from '../evidence/shares.ts'
import type { DecidedPoint } from './decided.ts'

/** Somebody wants to know when leaves are final. */
export interface FinalAsk {
  /** Ascending, at least one. */
  readonly leaves: readonly number[]
  /** The next seal is to come at once. */
  readonly soon: boolean
  /** The newest one whose members are known to who asks. */
  readonly epoch: number
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
  /** Certificates that activated the epochs after the one that was asked from, in order. */
  readonly activations: readonly Uint8Array[]
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
  /** Certificates that activated the epochs after this one, in order. */
  readonly activations: (epoch: number) => readonly Uint8Array[]
  readonly sealSoon: () => void
  /** A seal is asked for and not begun: it will be about all that is committed now. */
  readonly isSealAsked: () => boolean
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
/** Seals at once for those who ask at one node's gateway, together: what costs most is theirs to share. */
const sealsPerSecond = 5
const sealsAtOnce = 5
const elsewhere: FinalAnswer = { kind: 'not-leader', leader: 0 }

/** Those who wait for leaves of one log to become final. */
export class FinalAsks {
  readonly #ports: FinalAsksPorts
  #point: DecidedPoint | undefined
  #waiting: Waiting[] = []
  readonly #seals = new Shares(sealsPerSecond, sealsAtOnce)
  /** Nodes on behalf of which a seal is still to be asked for. */
  readonly #impatient = new Set<number>()

  constructor(ports: FinalAsksPorts) {
    this.#ports = ports
  }

  /**
   * `answer` is called once, within half a second.
   * @param from number of the node at whose gateway it is asked
   */
  ask(ask: FinalAsk, from: number, nowMs: number, answer: (answer: FinalAnswer) => void): void {
    const waiting = { ...ask, answer, untilMs: nowMs + holdMs }
    if (this.#isCovered(waiting)) return void this.#prove([waiting])
    if (this.#waiting.length >= maxWaiting) return answer({ kind: 'busy', retryAfterMs: holdMs })
    this.#waiting.push(waiting)
    if (!ask.soon) return
    this.#impatient.add(from)
    this.#haveSealed(nowMs)
  }

  /** One seal is for all who wait. */
  #haveSealed(nowMs: number): void {
    const { isSealAsked, sealSoon } = this.#ports
    if (this.#impatient.size === 0) return
    if (!isSealAsked()) {
      if (![...this.#impatient].some(node => this.#seals.take(node, nowMs))) return
      sealSoon()
    }
    this.#impatient.clear()
  }

  /** The log is decided up to here, and shown. */
  decided(point: DecidedPoint): void {
    this.#point = point
    const covered = this.#waiting.filter(waiting => this.#isCovered(waiting))
    if (covered.length === 0) return
    this.#waiting = this.#waiting.filter(waiting => !this.#isCovered(waiting))
    if (this.#waiting.length === 0) this.#impatient.clear()
    void this.#prove(covered)
  }

  #isCovered({ leaves }: Waiting): boolean {
    return leaves.at(-1)! < (this.#point?.size ?? 0)
  }

  tick(nowMs: number): void {
    this.#haveSealed(nowMs)
    if (this.#waiting.length === 0 || this.#waiting[0]!.untilMs > nowMs) return
    const over = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs)
    this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs)
    const leads = this.#ports.leads()
    for (const { answer } of over) answer(leads ? { kind: 'not-yet' } : elsewhere)
  }

  /** Nobody is answered here any more. */
  end(): void {
    this.#point = undefined
    this.#impatient.clear()
    for (const { answer } of this.#waiting.splice(0)) answer(elsewhere)
  }

  /** Together, so that answers which travel the same way travel in one frame. */
  async #prove(covered: readonly Waiting[]): Promise<void> {
    const { size, certificate } = this.#point!
    const signed = this.#ports.signed()
    const answers = await Promise.all(
      covered.map(async ({ leaves, epoch }): Promise<FinalAnswer> => {
        if (signed?.size !== size) return { kind: 'not-yet' }
        const { log } = this.#ports
        const activations = this.#ports.activations(epoch)
        const made = await log.leavesProof(leaves, size).catch(() => undefined)
        if (made === undefined) return elsewhere
        return { kind: 'final', proof: { certificate, checkpoint: signed.note, ...made, activations } }
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
