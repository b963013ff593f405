import type { Read, ReadAnswer } from '../../client/protocol/gateway.pb.js'
import { take, waitMs } from './bucket.ts'
import type { GatewayLimits } from './limits.ts'
import type { AuthorityRouter, ReadResult } from './router.ts'
import type { Session } from './session.ts'

/** How long a client should wait when the gateway itself is full. */
const FULL_RETRY_MS = 100

/** Passes clients' reads on to the owners, within the same limits as inputs, but counted by themselves. */
export class ReadDesk {
  private readonly router: AuthorityRouter
  private readonly limits: GatewayLimits
  /** Reads that wait for an answer. */
  inFlight = 0

  constructor(router: AuthorityRouter, limits: GatewayLimits) {
    this.router = router
    this.limits = limits
  }

  /** `answer` is called once, at once or later. Over the rate is an offence. */
  ask(
    session: Session,
    { number, target }: Read,
    nowMs: number,
    answer: (answer: ReadAnswer) => void,
  ): 'over-rate' | undefined {
    if (!take(session.reads, nowMs)) {
      answer({ number, code: 'over-rate', retryAfterMs: waitMs(session.reads) })
      return 'over-rate'
    }
    if (session.readsInFlight >= this.limits.inputsInFlight || this.inFlight >= this.limits.totalInFlight) {
      answer({ number, code: 'busy', retryAfterMs: FULL_RETRY_MS })
      return undefined
    }
    session.readsInFlight++
    this.inFlight++
    let answered = false
    // A parsed message is a window on a larger buffer.
    this.router.read(session.area, target!.slice(), result => {
      if (answered) return
      answered = true
      session.readsInFlight--
      this.inFlight--
      answer(answerOf(number, result))
    })
    return undefined
  }
}

function answerOf(number: number, result: ReadResult): ReadAnswer {
  switch (result.kind) {
    case 'state':
      return { number, state: result.state }
    case 'refused':
      return { number, code: result.code }
    default:
      // 0 would read as absent.
      return { number, code: result.kind, retryAfterMs: Math.max(1, result.retryAfterMs) }
  }
}
