import { type Bucket, take, waitMs } from './bucket.ts'

/** One session's questions of one kind. */
export interface Asking {
  readonly pace: Bucket
  /** Questions that wait for an answer. */
  inFlight: number
}

/** Why there is no answer: for good, or for now. */
export type Unanswered =
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'busy' | 'unavailable' | 'over-rate'; readonly retryAfterMs: number }

interface DeskLimits {
  readonly ofOneSession: number
  readonly ofAll: number
  /** How long a client should wait when the gateway itself is full. */
  readonly fullRetryMs: number
}

/** Passes clients' questions of one kind on to the owners, within limits that are counted apart from those of inputs. */
export class QuestionDesk {
  private readonly limits: DeskLimits
  /** Questions that wait for an answer. */
  inFlight = 0

  constructor(limits: DeskLimits) {
    this.limits = limits
  }

  /** `answer` is called once, at once or later. Over the rate is an offence. */
  ask<Result>(
    asking: Asking,
    nowMs: number,
    passOn: (answered: (result: Result) => void) => void,
    answer: (result: Result | Unanswered) => void,
  ): 'over-rate' | undefined {
    if (!take(asking.pace, nowMs)) {
      answer({ kind: 'over-rate', retryAfterMs: waitMs(asking.pace) })
      return 'over-rate'
    }
    const { ofOneSession, ofAll, fullRetryMs } = this.limits
    if (asking.inFlight >= ofOneSession || this.inFlight >= ofAll) {
      answer({ kind: 'busy', retryAfterMs: fullRetryMs })
      return undefined
    }
    asking.inFlight++
    this.inFlight++
    let isAnswered = false
    passOn(result => {
      if (isAnswered) return
      isAnswered = true
      asking.inFlight--
      this.inFlight--
      answer(result)
    })
    return undefined
  }
}

/** As the client hears it. */
export function unanswered(
  number: number,
  result: Unanswered,
): { number: number; code: string; retryAfterMs?: number } {
  if (result.kind === 'refused') return { number, code: result.code }
  // 0 would read as absent.
  return { number, code: result.kind, retryAfterMs: Math.max(1, result.retryAfterMs) }
}
