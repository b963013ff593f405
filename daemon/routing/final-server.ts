import type { FinalAnswer } from '../hosting/final-asks.ts'
import type { Network, PeerId } from '../ports.ts'
import { AnswerBatches } from './answer-batches.ts'
import {
  decodeFinalRequest,
  encodeFinalAnswers,
  type FinalAnswers,
  finalProtocol,
  maxFinalFrameBytes,
} from './final-codec.ts'
import type { LocalAuthority } from './router.ts'
import { shareRetryAfterMs, WaitingShares } from './waiting-shares.ts'

export interface FinalServerOptions {
  readonly network: Network
  /** Runs a function at the end of this turn, so that answers made together travel together. */
  readonly schedule: (run: () => void) => void
  /** The peer's number, where it is a node of the genesis file: others read certificates over HTTP. */
  readonly numberOf: (peer: PeerId) => number | undefined
  readonly local: (group: number) => LocalAuthority | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Tells other nodes' gateways what is final in the authorities that this node holds. */
export function serveFinals({ network, schedule, numberOf, local, count }: FinalServerOptions): void {
  const shares = new WaitingShares()
  network.handle(finalProtocol, { maxFrameBytes: maxFinalFrameBytes, maxChannelsPerPeer: 4 }, channel => {
    const refuse = (code: string): void => {
      count('finals_refused', { code })
      channel.close(`finals: ${code}`)
    }
    const from = numberOf(channel.peer)
    if (from === undefined) return refuse('not-a-node')
    const answers = new AnswerBatches<FinalAnswers['answers'][number]>(schedule, (batch, some) =>
      channel.send(encodeFinalAnswers({ batch, answers: some })),
    )
    channel.onFrame(frame => {
      const request = decodeFinalRequest(frame)
      if (request === undefined) return refuse('malformed')
      const authority = local(request.group)
      const share = `${channel.peer} ${request.group}`
      request.asks.forEach((ask, index) => {
        const answer = (given: FinalAnswer): void => answers.add(request.batch, { index, answer: given })
        if (authority === undefined) answer({ kind: 'not-leader', leader: 0 })
        else if (!shares.begin(share)) answer({ kind: 'busy', retryAfterMs: shareRetryAfterMs })
        else
          authority.whenFinal(ask, from, given => {
            shares.end(share)
            answer(given)
          })
      })
    })
  })
}
