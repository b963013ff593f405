import {
  type ChainFault,
  type Founders,
  parseCertificate,
  verifyChain,
} from '../../audit/verify/certificate.ts'
import type { VerifySignature } from '../../audit/verify/signatures.ts'

/**
 * Who decides in an authority in each of its epochs, from its founders on: what is learnt of a later one is a certificate of the
 * members before it, which names them.
 */
export class KnownEpochs {
  readonly #verify: VerifySignature
  readonly #members: Founders[]
  readonly #activations: Uint8Array[] = []

  constructor(founders: Founders, verify: VerifySignature) {
    this.#verify = verify
    this.#members = [founders]
  }

  /** The newest one whose members are known. */
  get newest(): number {
    return this.#members.at(-1)!.epoch
  }

  /** The certificates that lead to the members of this epoch, in order. */
  leadingTo(epoch: number): readonly Uint8Array[] {
    return this.#activations.slice(0, Math.max(0, epoch - this.#members[0]!.epoch))
  }

  /** Its members; undefined when nothing that was shown leads there. */
  membersIn(epoch: number): Founders | undefined {
    return this.#members[epoch - this.#members[0]!.epoch]
  }

  /** Takes certificates that activated epochs, in order. What is known already is passed over. */
  learn(activations: readonly Uint8Array[]): 'malformed' | ChainFault | undefined {
    for (const bytes of activations) {
      const activation = parseCertificate(bytes)
      if (activation === undefined) return 'malformed'
      const present = this.#members.at(-1)!
      const { seal } = activation
      if (seal.nextEpoch <= present.epoch) continue
      const chain = verifyChain(present, [], activation, this.#verify)
      if (!chain.ok) return chain.code
      if (seal.epoch !== present.epoch || seal.nextMembers.length === 0) return 'broken-chain'
      this.#members.push({ origin: present.origin, epoch: seal.nextEpoch, members: seal.nextMembers })
      this.#activations.push(bytes.slice())
    }
    return undefined
  }
}
