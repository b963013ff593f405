import type { ReadAnswer } from '../authority/reading.ts'
import type { Network, PeerId } from '../ports.ts'
import { AnswerBatches } from './answer-batches.ts'
import {
  decodeReadRequest,
  encodeReadAnswers,
  maxReadFrameBytes,
  type ReadAnswers,
  readProtocol,
} from './read-codec.ts'
import type { LocalAuthority } from './router.ts'
import { shareRetryAfterMs, WaitingShares } from './waiting-shares.ts'

export interface ReadServerOptions {
  readonly network: Network
  /** Runs a function at the end of this turn, so that answers made together travel together. */
  readonly schedule: (run: () => void) => void
  /** Whether the peer is a node of the genesis file: others read over the API. */
  readonly isNode: (peer: PeerId) => boolean
  /** Whether this authority's state is for this peer. */
  readonly mayAsk: (group: number, peer: PeerId) => boolean
  readonly local: (group: number) => LocalAuthority | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Answers what other nodes' gateways read of the authorities that this node holds. */
export function serveReads(options: ReadServerOptions): void {
  const { network, schedule, isNode, mayAsk, local, count } = options
  const shares = new WaitingShares()
  network.handle(readProtocol, { maxFrameBytes: maxReadFrameBytes, maxChannelsPerPeer: 4 }, channel => {
    const refuse = (code: string): void => {
      count('reads_refused', { code })
      channel.close(`reads: ${code}`)
    }
    if (!isNode(channel.peer)) return refuse('not-a-node')
    const answers = new AnswerBatches<ReadAnswers['answers'][number]>(schedule, (batch, some) =>
      channel.send(encodeReadAnswers({ batch, answers: some })),
    )
    channel.onFrame(frame => {
      const request = decodeReadRequest(frame)
      if (request === undefined) return refuse('malformed')
      if (!mayAsk(request.group, channel.peer)) return refuse('not-a-member')
      const authority = local(request.group)
      const share = `${channel.peer} ${request.group}`
      request.targets.forEach((target, index) => {
        const answer = (given: ReadAnswer): void => answers.add(request.batch, { index, answer: given })
        if (authority === undefined) answer({ kind: 'not-leader', leader: 0 })
        else if (!shares.begin(share)) answer({ kind: 'busy', retryAfterMs: shareRetryAfterMs })
        else
          authority.read(target, given => {
            shares.end(share)
            answer(given)
          })
      })
    })
  })
}
