import type { AuthorityLimits } from './types.ts'

/** What the pace of seals depends on, as it is now. */
export interface Unsealed {
  /** Something happened since the last seal. */
  readonly news: boolean
  /** The last seal was made by a clock that ran ahead. */
  readonly correction: boolean
  /** The members have not decided the last seal yet. */
  readonly isUndecided: () => boolean
}

/**
 * When a leader begins the next seal: one is in flight, about one a second while there is something to seal, and at once
 * when somebody waits for one. One that stays undecided for long holds up the next no longer: at its mark a snapshot is
 * taken, and the log before it may go.
 */
export class SealPace {
  readonly #limits: AuthorityLimits
  #begunAtMs = Number.NEGATIVE_INFINITY
  #asked = false

  constructor(limits: AuthorityLimits) {
    this.#limits = limits
  }

  /** Somebody waits for what was committed to become final. */
  ask(): void {
    this.#asked = true
  }

  get isAsked(): boolean {
    return this.#asked
  }

  /** Whether a seal is to be begun now; then it counts as begun. */
  take(nowMs: number, { news, correction, isUndecided }: Unsealed): boolean {
    const { sealEveryMs, sealAtMostEveryMs, sealStallMs } = this.#limits
    if (!news) this.#asked = false
    if (!news && !correction) return false
    const sinceMs = nowMs - this.#begunAtMs
    if (sinceMs < (this.#asked ? sealAtMostEveryMs : sealEveryMs)) return false
    if (sinceMs < sealStallMs && isUndecided()) return false
    this.#begunAtMs = nowMs
    this.#asked = false
    return true
  }
}
