import { inputBatchMessage } from '../../client/protocol/attestation.ts'
import { bodyHash } from '../authority/batch.ts'
import type { Channel, Network, PeerId } from '../ports.ts'
import { AnswerBatches } from './answer-batches.ts'
import {
  decodeRequest,
  encodeAnswers,
  type IndexedAnswer,
  inputBatchOf,
  intentProtocol,
  maxIntentFrameBytes,
  type Request,
} from './intent-codec.ts'
import type { LocalAuthority } from './router.ts'

export interface IntakeOptions {
  readonly network: Network
  /** Runs a function at the end of this turn, so that answers made together travel together. */
  readonly schedule: (run: () => void) => void
  /** A peer's node number and identity key; undefined for a peer that is no node of the genesis file. */
  readonly nodeOf: (peer: PeerId) => { readonly number: number; readonly identityKey: Uint8Array } | undefined
  readonly originOf: (group: number) => string | undefined
  /** Whether this node's word on the authority is for this peer: its answers tell what became of an input. */
  readonly mayAsk: (group: number, peer: PeerId) => boolean
  readonly local: (group: number) => LocalAuthority | undefined
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Takes inputs from other nodes' gateways for the authorities that this node holds, and sends their answers back. */
export function serveIntake(options: IntakeOptions): void {
  const protocol = { maxFrameBytes: maxIntentFrameBytes, maxChannelsPerPeer: 4 }
  options.network.handle(intentProtocol, protocol, channel => {
    const node = options.nodeOf(channel.peer)
    if (node === undefined) return refuse(options, channel, 'not-a-node')
    const answers = new AnswerBatches<IndexedAnswer>(options.schedule, (batch, some) =>
      channel.send(encodeAnswers({ batch, answers: some })),
    )
    channel.onFrame(frame => {
      const request = decodeRequest(frame)
      if (request === undefined) return refuse(options, channel, 'malformed')
      if (!options.mayAsk(request.group, channel.peer)) return refuse(options, channel, 'not-a-member')
      const refusal = take(options, request, node, answers)
      if (refusal !== undefined) refuse(options, channel, refusal)
    })
  })
}

function refuse(options: IntakeOptions, channel: Channel, code: string): void {
  options.count('intake_refused', { code })
  channel.close(`intake: ${code}`)
}

/** The code of an offence that ends the channel, or undefined. */
function take(
  options: IntakeOptions,
  request: Request,
  node: { number: number; identityKey: Uint8Array },
  answers: AnswerBatches<IndexedAnswer>,
): string | undefined {
  const origin = options.originOf(request.group)
  const local = options.local(request.group)
  if (origin === undefined || local === undefined) {
    const answer = { kind: 'not-leader', leader: 0 } as const
    answers.add(request.batch, { index: 0, count: request.bodies.length, answer })
    return undefined
  }
  const message = inputBatchMessage(origin, node.number, request.bodies.map(bodyHash))
  if (!options.verify(node.identityKey, message, request.signature)) return 'bad-signature'
  local.offer(inputBatchOf(request, node.number), (index, count, answer) =>
    answers.add(request.batch, { index, count, answer }),
  )
  return undefined
}
