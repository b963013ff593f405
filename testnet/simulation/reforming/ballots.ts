import { BatchTree } from '../../../consensus/finality/batch-tree.ts'
import { encodeQuorum, type Quorum } from '../../../consensus/finality/certificate.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { batchMessage } from '../../../consensus/finality/signed.ts'
import { encodeStatement } from '../../../consensus/finality/statement.ts'
import type { Voter } from '../../../world/directory/types.ts'
import { sign } from '../directory/keys.ts'

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A place in an epoch that votes are cast for. */
export interface Spot {
  readonly epoch: number
  readonly view: number
  readonly height: number
  readonly hash: string
}

export function compareSpots(a: Spot, b: Spot): number {
  return a.epoch - b.epoch || a.view - b.view || a.height - b.height
}

interface Cast {
  readonly spot: Spot
  readonly kind: 1 | 2
  readonly node: number
}

/**
 * All votes that were ever cast, as on a network that loses nothing for ever and delivers at any time; each is signed by whoever cast it.
 * Seals by their hashes, with who may have shown what to whom left to the nodes that look.
 */
export class Ballots {
  readonly seals = new Map<string, Seal>()
  readonly casts: Cast[] = []
  readonly #made = new Map<string, Uint8Array>()
  readonly #cast = new Map<string, Set<number>>()

  add(seal: Seal): string {
    const hash = hex(sealHash(seal))
    this.seals.set(hash, seal)
    return hash
  }

  cast(node: number, kind: 1 | 2, spot: Spot): void {
    const key = keyOf(kind, spot)
    const voters = this.#cast.get(key) ?? new Set()
    if (voters.has(node)) return
    this.#cast.set(key, voters.add(node))
    this.casts.push({ spot, kind, node })
  }

  votersOf(kind: 1 | 2, spot: Spot): ReadonlySet<number> {
    return this.#cast.get(keyOf(kind, spot)) ?? new Set()
  }

  /** Whether b is a or descends from it; the empty log is below all. */
  isAncestor(a: string, b: string): boolean {
    if (a === '') return true
    for (let hash = b; this.seals.has(hash); hash = hex(this.seals.get(hash)!.previous))
      if (hash === a) return true
    return false
  }

  /** The quorum's bytes, when enough of these that `sees` shows have voted so. */
  quorum(
    kind: 1 | 2,
    spot: Spot,
    members: readonly Voter[],
    sees: (node: number) => boolean,
  ): Uint8Array | undefined {
    const voters = this.votersOf(kind, spot)
    const signers = members
      .filter(({ node }) => voters.has(node) && sees(node))
      .slice(0, quorumSize(members.length))
    if (signers.length < quorumSize(members.length)) return undefined
    const key = `${keyOf(kind, spot)}/${signers.map(({ node }) => node).join()}`
    const known = this.#made.get(key) ?? encodeQuorum(this.#signed(kind, spot, signers))
    this.#made.set(key, known)
    return known
  }

  /** Votes that nobody cast, for a seal that somebody made up; signed with whatever keys these are. */
  forged(seal: Seal, epoch: number, view: number, voters: readonly Voter[]): Uint8Array {
    const spot = { epoch, view, height: seal.height, hash: this.add(seal) }
    return encodeQuorum(this.#signed(1, spot, voters.slice(0, quorumSize(voters.length))))
  }

  #signed(kind: 1 | 2, { epoch, view, height, hash }: Spot, signers: readonly Voter[]): Quorum {
    const seal = this.seals.get(hash)!
    const ballot = { view, height, hash: Buffer.from(hash, 'hex') }
    const statement = encodeStatement({ kind, authority: seal.authority, epoch, ballot })
    const message = batchMessage(new BatchTree([statement]).root, 1)
    const votes = signers.map(({ node, key }) => {
      return { signer: node, index: 0, count: 1, path: [], signature: sign(key, message) }
    })
    return { kind, seal, epoch, view, votes }
  }
}

function keyOf(kind: 1 | 2, { epoch, view, height, hash }: Spot): string {
  return `${kind}/${epoch}/${view}/${height}/${hash}`
}
