import { equalBytes } from '../../storage/bytes.ts'
import type { Outcome } from '../../world/codec/outcome.ts'
import type { DirectoryAction } from '../../world/directory/codec/input.ts'
import type { NodeFacts } from '../../world/directory/types.ts'
import { verifyEndorsement } from '../identity/node-keys.ts'
import { publicKeyOfPeerId } from '../network/peer-id.ts'
import type { Channel, Network, PeerId } from '../ports.ts'
import { admissionOptions, admissionProtocol, decodeFacts, encodeAnswer } from './admission-codec.ts'

export interface SponsorParts {
  readonly network: Network
  readonly networkName: string
  /** Nobody else is brought in by who is not in itself. */
  readonly selfIsNode: () => boolean
  /** Already a node. */
  readonly isNode: (peer: PeerId) => boolean
  /** There is something to be said to the directory. */
  readonly wake: () => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Newcomers that wait at once; more are told to ask elsewhere. */
const maxWaiting = 16

interface Waiting {
  readonly facts: NodeFacts
  readonly channel: Channel
}

/** Brings newcomers in: says to the directory, in this node's own session, that it admits them. Who may do so the rules decide. */
export class Sponsor {
  readonly #parts: SponsorParts
  readonly #waiting: Waiting[] = []

  constructor(parts: SponsorParts) {
    this.#parts = parts
    const { network } = parts
    network.handle(admissionProtocol, admissionOptions, channel => {
      channel.onFrame(frame => this.#asked(channel, decodeFacts(frame)))
    })
  }

  /** The next to be admitted, as something to be said to the directory. */
  next(): { action: DirectoryAction; said: (outcome: Outcome) => void } | undefined {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) return undefined
    const { facts, channel } = waiting
    return {
      action: { kind: 'admit', node: facts },
      said: ({ code }) => void channel.send(encodeAnswer(code)),
    }
  }

  #asked(channel: Channel, facts: NodeFacts | undefined): void {
    const { count, isNode, wake } = this.#parts
    const refusal = this.#refusal(channel, facts)
    if (refusal === 'malformed' || refusal === 'not-its-own') {
      count('admission_refused', { code: refusal })
      return channel.close(`admission: ${refusal}`)
    }
    if (isNode(channel.peer)) return void channel.send(encodeAnswer('ok'))
    if (refusal !== undefined) return void channel.send(encodeAnswer(refusal))
    this.#waiting.push({ facts: facts!, channel })
    wake()
  }

  #refusal(channel: Channel, facts: NodeFacts | undefined): string | undefined {
    if (facts === undefined) return 'malformed'
    const identity = publicKeyOfPeerId(channel.peer)
    if (identity === undefined || !equalBytes(identity, facts.identity)) return 'not-its-own'
    const { networkName } = this.#parts
    // The directory would hold a wrong one against whoever brings it.
    if (!verifyEndorsement(networkName, channel.peer, facts, facts.endorsement)) return 'not-its-own'
    if (!this.#parts.selfIsNode()) return 'not-a-node'
    const isWaiting = this.#waiting.some(waiting => waiting.channel.peer === channel.peer)
    return isWaiting || this.#waiting.length >= maxWaiting ? 'busy' : undefined
  }
}
