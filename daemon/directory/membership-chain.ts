import { type Certificate, decodeCertificate, verifyQuorum } from '../../consensus/finality/certificate.ts'
import type { Voter } from '../../consensus/finality/seal.ts'
import { equalBytes } from '../../storage/bytes.ts'

export interface Epoch {
  readonly epoch: number
  readonly members: readonly Voter[]
}

type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

/**
 * Who decides in an authority, as certificates say: each that names the next members is by those before them (docs/finality.md,
 * rule 5).
 */
export class MembershipChain {
  readonly #authority: Uint8Array
  readonly #verify: Verify
  readonly #activations: Uint8Array[] = []
  #now: Epoch

  /** @param authority SHA-256 of the log's origin */
  constructor(authority: Uint8Array, founders: Epoch, verify: Verify) {
    this.#authority = authority
    this.#now = founders
    this.#verify = verify
  }

  get now(): Epoch {
    return this.#now
  }

  /** The certificates that began the epochs after this one, in order. */
  activationsAfter(epoch: number): readonly Uint8Array[] {
    return this.#activations.filter(each => decodeCertificate(each)!.seal.nextEpoch > epoch)
  }

  get activations(): readonly Uint8Array[] {
    return this.#activations
  }

  /** The next epoch begins with it; false: it proves nothing of the kind. */
  activate(bytes: Uint8Array): boolean {
    const certificate = this.read(bytes)
    const { nextMembers: members = [], nextEpoch: epoch = 0 } = certificate?.seal ?? {}
    if (members.length === 0 || epoch !== this.#now.epoch + 1) return false
    this.#activations.push(bytes.slice())
    this.#now = { epoch, members }
    return true
  }

  /** A certificate by the members of the newest epoch; undefined when it is not exactly that. */
  read(bytes: Uint8Array): Certificate | undefined {
    const certificate = decodeCertificate(bytes)
    if (certificate === undefined || certificate.epoch !== this.#now.epoch) return undefined
    if (!equalBytes(certificate.seal.authority, this.#authority)) return undefined
    return verifyQuorum(certificate, this.#now.members, this.#verify) ? certificate : undefined
  }

  /** To try certificates on that may prove nothing. */
  copy(): MembershipChain {
    const copy = new MembershipChain(this.#authority, this.#now, this.#verify)
    copy.#activations.push(...this.#activations)
    return copy
  }
}
