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

/** One gateway's reads of one authority that wait for an answer: four may ask for so many before reads become scarce for all. */
const maxWaitingOfOne = 1024
const retryAfterMs = 200

/** Answers what other nodes' gateways read of the authorities that this node holds. */
export function serveReads(options: ReadServerOptions): void {
  const { network, schedule, isNode, mayAsk, local, count } = options
  const waiting = new Map<string, number>()
  const begin = (share: string): boolean => {
    const others = waiting.get(share) ?? 0
    if (others < maxWaitingOfOne) waiting.set(share, others + 1)
    return others < maxWaitingOfOne
  }
  const end = (share: string): void => {
    const left = waiting.get(share)! - 1
    if (left > 0) waiting.set(share, left)
    else waiting.delete(share)
  }
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
        else if (!begin(share)) answer({ kind: 'busy', retryAfterMs })
        else
          authority.read(target, given => {
            end(share)
            answer(given)
          })
      })
    })
  })
}
