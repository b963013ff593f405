import type { FinalAnswer, FinalAsk } from '../../client/protocol/gateway.pb.js'
import { take, waitMs } from './bucket.ts'
import type { GatewayLimits } from './limits.ts'
import type { AuthorityRouter, FinalResult } from './router.ts'
import type { Session } from './session.ts'

/** How long a client should wait when the gateway itself is full. */
const FULL_RETRY_MS = 250

/** Passes on what clients want to know to be final, within limits of its own. */
export class FinalDesk {
  private readonly router: AuthorityRouter
  private readonly limits: GatewayLimits
  /** Asks that wait for an answer. */
  inFlight = 0

  constructor(router: AuthorityRouter, limits: GatewayLimits) {
    this.router = router
    this.limits = limits
  }

  /** `answer` is called once, at once or later. Over the rate is an offence. */
  ask(
    session: Session,
    { number, leaves, soon }: FinalAsk,
    nowMs: number,
    answer: (answer: FinalAnswer) => void,
  ): 'over-rate' | undefined {
    if (!take(session.finals, nowMs)) {
      answer({ number, code: 'over-rate', retryAfterMs: waitMs(session.finals) })
      return 'over-rate'
    }
    const { finalsInFlight, totalInFlight } = this.limits
    if (session.finalsInFlight >= finalsInFlight || this.inFlight >= totalInFlight) {
      answer({ number, code: 'busy', retryAfterMs: FULL_RETRY_MS })
      return undefined
    }
    session.finalsInFlight++
    this.inFlight++
    this.router.whenFinal(session.area, { leaves, soon }, result => {
      session.finalsInFlight--
      this.inFlight--
      answer(answerOf(number, result))
    })
    return undefined
  }
}

function answerOf(number: number, result: FinalResult): FinalAnswer {
  switch (result.kind) {
    case 'final':
      return { number, final: result.proof }
    case 'refused':
      return { number, code: result.code }
    default:
      // 0 would read as absent.
      return { number, code: result.kind, retryAfterMs: Math.max(1, result.retryAfterMs) }
  }
}
