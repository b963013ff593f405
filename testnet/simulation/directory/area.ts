import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import type { Voter } from '../../../world/directory/types.ts'
import type { SimRandom } from '../random.ts'
import { certificateOf, sha256 } from './keys.ts'

/** An authority whose members decide seals, one after another; what they bring to the directory, and what liars make of it. */
export class SimArea {
  readonly origin: string
  epoch = 1
  view = 0
  height = 0
  size = 0
  members: readonly Voter[]
  last: Uint8Array = new Uint8Array(32)
  /** Members of the epochs that have ended, with the seal's place at their end. */
  readonly ended: { readonly epoch: number; readonly members: readonly Voter[]; readonly height: number }[] =
    []
  /** Decided and maybe not brought yet, oldest first. */
  readonly certificates: Uint8Array[] = []
  /** Of all seals that were decided as they should. */
  readonly hashes = new Set<string>()
  readonly #random: SimRandom

  constructor(origin: string, members: readonly Voter[], random: SimRandom) {
    this.origin = origin
    this.members = members
    this.#random = random
  }

  /** The members decide one more seal, which may name others. */
  decide(next: readonly Voter[] = []): void {
    if (this.#random.chance(0.1)) this.view++
    const seal = this.#seal(this.height + 1, next)
    this.certificates.push(certificateOf(seal, this.view, this.#quorum(this.members)))
    this.height++
    this.size = seal.size
    this.last = sealHash(seal)
    this.hashes.add(Buffer.from(this.last).toString('hex'))
    if (next.length === 0) return
    this.ended.push({ epoch: this.epoch, members: this.members, height: this.height })
    this.members = next
    this.epoch++
    this.view = 0
  }

  /** A certificate that must not be anchored, and why; undefined where there is none to be made now. */
  falseOne(strangers: readonly Voter[]): Uint8Array | undefined {
    const random = this.#random
    const quorum = this.#quorum(this.members)
    const seal = this.#seal(this.height + 1 + random.below(3), [])
    switch (random.below(5)) {
      case 0:
        return certificateOf(seal, this.view, quorum.slice(1))
      case 1:
        return certificateOf(seal, this.view, this.#quorum(strangers).slice(0, quorum.length))
      case 2: {
        const old = this.ended.at(-1)
        if (old === undefined) return undefined
        const above = {
          ...this.#seal(old.height + 1 + random.below(20), []),
          epoch: old.epoch,
          nextEpoch: old.epoch,
        }
        return certificateOf(above, random.below(30), this.#quorum(old.members))
      }
      case 3:
        // Nobody has ordered these.
        return certificateOf(this.#seal(this.height + 1, [...this.members].slice(0, 1)), this.view, quorum)
      default:
        // Of a height that was decided before, in a later view: all members lie together.
        if (this.height < 2) return undefined
        return certificateOf(
          this.#seal(Math.max(1, this.height - random.below(3)), []),
          this.view + 9,
          quorum,
        )
    }
  }

  #quorum(of: readonly Voter[]): Voter[] {
    const shuffled = [...of]
      .map(voter => ({ voter, at: this.#random.fraction() }))
      .sort((a, b) => a.at - b.at)
    return shuffled.slice(0, quorumSize(of.length)).map(({ voter }) => voter)
  }

  #seal(height: number, nextMembers: readonly Voter[]): Seal {
    const size = this.size + 1 + this.#random.below(50)
    return {
      authority: sha256(Buffer.from(this.origin)),
      ...{ epoch: this.epoch, height, previous: this.last, size, root: this.#random.bytes(32) },
      ...{ stateRoot: new Uint8Array(32), tick: height, timeMs: height },
      ...{ nextEpoch: this.epoch + (nextMembers.length > 0 ? 1 : 0), nextMembers },
    }
  }
}
