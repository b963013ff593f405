import { type FinalExpectation, type FinalFault, FinalVerifier } from '../../client/protocol/final.ts'
import type { AuthorityInfo } from '../gateway/router.ts'
import type { FinalProof } from '../hosting/final-asks.ts'

export interface FinalChecksOptions {
  readonly areas: readonly AuthorityInfo[]
  /** A node's public keys by its number; it grows as nodes come. */
  readonly nodeKeys: ReadonlyMap<number, { readonly log: Uint8Array; readonly vote: Uint8Array }>
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  /** A node has said to be final what can't be. */
  readonly lied: (lie: FalseFinal) => void
}

export interface FalseFinal {
  readonly authority: string
  readonly node: number
  readonly code: FinalFault
  /** What it gave out as the decided checkpoint: where it signed that, it may have signed another one too. */
  readonly checkpoint: string
}

/**
 * Looks at what other members say to be final before a client is told: the client would take this gateway for the liar.
 * The members' signatures are verified once per seal, what stands at the leaves each time.
 */
export class FinalChecks {
  readonly #options: FinalChecksOptions
  readonly #verifiers: ReadonlyMap<string, FinalVerifier>

  constructor(options: FinalChecksOptions) {
    this.#options = options
    const checks = { ed25519: options.verify, mlDsa44: undefined }
    this.#verifiers = new Map(options.areas.map(({ name }) => [name, new FinalVerifier(checks)]))
  }

  /** The newest epoch of an area whose members are known here. */
  epochOf(area: AuthorityInfo): number {
    return this.#verifiers.get(area.name)!.epochOf(this.#foundersOf(area))
  }

  #foundersOf({ origin, epoch, founders }: AuthorityInfo): FinalExpectation['founders'] {
    const members = founders.map(member => ({ node: member, key: this.#options.nodeKeys.get(member)!.vote }))
    return { origin, epoch, members: members.sort((a, b) => a.node - b.node) }
  }

  /** Whether this proves what a client will want to see proven. */
  holds(area: AuthorityInfo, node: number, leaves: readonly number[], proof: FinalProof): boolean {
    const verdict = this.#verifiers.get(area.name)!.verify(proof, {
      leaves,
      founders: this.#foundersOf(area),
      logKeys: new Map(Array.from(this.#options.nodeKeys, ([number, { log }]) => [number, log])),
    })
    if (verdict.ok) return true
    const { checkpoint } = proof
    this.#options.lied({ authority: area.name, node, code: verdict.code, checkpoint })
    return false
  }
}
