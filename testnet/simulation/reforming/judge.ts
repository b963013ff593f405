import { quorumSize } from '../../../consensus/finality/quorum.ts'
import type { Directory } from '../../../world/directory/directory.ts'
import { hasLease } from '../../../world/directory/rules/nodes.ts'
import type { Anchor, Voter } from '../../../world/directory/types.ts'
import { Violation } from '../directory/judge.ts'
import { type Ballots, compareSpots, hex, type Spot } from './ballots.ts'
import type { SimMember } from './member.ts'

/** What a re-forming that lost nothing began with: enough honest members of that epoch had answered. */
interface CleanRead {
  readonly epoch: number
  readonly members: readonly Voter[]
  readonly base: string
}

/** Until whoever does not answer has no lease any more, and those who are to hold it are heard. */
const MAX_WAIT_S = 25

const spotOf = ({ hash, ...place }: Anchor): Spot => ({ ...place, hash: hex(hash) })
const nameOf = (hash: string): string => (hash === '' ? 'the empty log' : hash.slice(0, 8))

/** Sees all votes and the directory, and holds both to what re-forming promises. */
export class Judge {
  readonly #ballots: Ballots
  readonly #group: number
  readonly #liars: ReadonlySet<number>
  readonly #reads: CleanRead[] = []
  readonly #began = new Map<number, { readonly base: string; readonly names: string }>()
  #final = ''
  #reformed = 0
  #waitedS = 0
  anchors = 0
  reformings = 0
  cleanReads = 0
  empty = 0

  constructor(ballots: Ballots, group: number, liars: ReadonlySet<number>) {
    this.#ballots = ballots
    this.#group = group
    this.#liars = liars
  }

  /** Nobody who holds it waits in vain. `here`: who speaks with the directory. */
  waits({ state }: Directory, here: readonly SimMember[]): void {
    const row = state.reformings.get(this.#group)
    const holder = here.find(node => {
      const held = row?.answers.find(answer => answer.node === node.number)?.held
      return !this.#liars.has(node.number) && held !== undefined && node.has.has(this.#final)
    })
    const mayBegin = row?.phase === 'asking' && holder !== undefined && here.length >= 4
    this.#waitedS = mayBegin ? this.#waitedS + 1 : 0
    if (this.#waitedS > MAX_WAIT_S)
      throw new Violation(`node ${holder?.number} holds the area, and epoch ${row?.epoch} does not begin`)
  }

  /** After every record of the directory. */
  look(directory: Directory): void {
    const { state } = directory
    const row = state.reformings.get(this.#group)
    const anchor = state.anchors.get(this.#group)?.anchor
    const final = anchor === undefined ? '' : hex(anchor.hash)
    if (row?.phase === 'begun' && row.epoch !== this.#reformed) this.#judgeBase(directory)
    if (final === this.#final) return
    if (anchor !== undefined && anchor.epoch < this.#reformed)
      throw new Violation(`${nameOf(final)} is anchored by members whose epoch has ended`)
    if (!this.#ballots.isAncestor(this.#final, final))
      throw new Violation(
        `${nameOf(final)} is anchored, and does not descend from ${nameOf(this.#final)}, which is final`,
      )
    this.#final = final
    this.anchors++
  }

  #judgeBase({ state }: Directory): void {
    const { epoch, base, answers, asked, voting } = state.reformings.get(this.#group)!
    this.#reformed = epoch
    this.reformings++
    const hash = base === undefined || base.height === 0 ? '' : hex(base.hash)
    if (hash === '') this.empty++
    if (!this.#ballots.isAncestor(this.#final, hash))
      throw new Violation(`epoch ${epoch} begins at ${nameOf(hash)}, and ${nameOf(this.#final)} is final`)
    const stranger = answers.find(({ node }) => !asked.includes(node))
    if (stranger !== undefined)
      throw new Violation(`node ${stranger.node} is taken for a holder, and was not asked`)
    const isLeased = (node: number): boolean => hasLease(state.presence(node), state.header.passedMs)
    const missing = asked.find(node => isLeased(node) && !answers.some(answer => answer.node === node))
    if (missing !== undefined)
      throw new Violation(`epoch ${epoch} begins, and node ${missing} may still decide in the one before`)
    const here = answers.filter(({ node }) => isLeased(node))
    const higher = here.find(
      ({ held }) => held !== undefined && base !== undefined && compareSpots(spotOf(held), spotOf(base)) > 0,
    )
    if (higher !== undefined)
      throw new Violation(`epoch ${epoch} begins below what node ${higher.node} holds`)
    const honest = voting.members.filter(
      ({ node }) => !this.#liars.has(node) && here.some(answer => answer.node === node),
    )
    const { length } = voting.members
    if (honest.length < length - quorumSize(length) + 1) return
    this.cleanReads++
    const read = { epoch: voting.epoch, members: voting.members, base: hash }
    this.#reads.push(read)
    for (const { kind, spot } of this.#ballots.casts) if (kind === 2) this.#checkRead(read, spot)
  }

  /** Nothing that was, or is yet to be, certified in the old epoch is beside the base or above it. */
  #checkRead({ epoch, members, base }: CleanRead, spot: Spot): void {
    if (spot.epoch !== epoch || this.#ballots.isAncestor(spot.hash, base)) return
    const voters = this.#ballots.votersOf(2, spot)
    const lie = members.length >= 4 ? this.#liars : new Set()
    const votes = members.filter(({ node }) => voters.has(node) || lie.has(node)).length
    if (votes >= quorumSize(members.length))
      throw new Violation(
        `${nameOf(spot.hash)} is certified in epoch ${epoch}, which ended at ${nameOf(base)}`,
      )
  }

  voted(member: SimMember, kind: 1 | 2, spot: Spot): void {
    if (kind === 1) return
    if (!member.lies && spot.epoch < this.#reformed)
      throw new Violation(
        `node ${member.number} decides in epoch ${spot.epoch} beside epoch ${this.#reformed}`,
      )
    for (const read of this.#reads.slice(-3)) this.#checkRead(read, spot)
  }

  began({ epoch, members, base, number }: SimMember): void {
    const names = members.map(({ node }) => node).join()
    const known = this.#began.get(epoch)
    this.#began.set(epoch, known ?? { base: base.hash, names })
    if (known === undefined) return
    // Whoever comes later begins where the members have come to by then.
    const isOneChain =
      this.#ballots.isAncestor(known.base, base.hash) || this.#ballots.isAncestor(base.hash, known.base)
    if (known.names !== names || !isOneChain)
      throw new Violation(`node ${number} begins another epoch ${epoch} than others did`)
  }
}
