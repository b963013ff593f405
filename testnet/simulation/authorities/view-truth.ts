import type { Certificate } from '../../../consensus/finality/certificate.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { type Seal, sealHash } from '../../../consensus/finality/seal.ts'

/** Epochs and their views in one order: a number for each Raft instance of a group. */
export function instanceNumber({ epoch, view }: { readonly epoch: number; readonly view: number }): number {
  return epoch * 2 ** 20 + view
}

const hexOf = (seal: Seal): string => Buffer.from(sealHash(seal)).toString('hex')

const founded = instanceNumber({ epoch: 1, view: 0 })

interface Entered {
  /** See `instanceNumber`; so is every other `view` here. */
  readonly view: number
  readonly baseSize: number
}

interface Decision {
  readonly view: number
  readonly seal: Seal
  readonly hash: string
}

/**
 * What the members of each authority have decided, over all nodes and their lives, and where each view began: one chain,
 * and no view that began below what was decided before it.
 */
export class ViewTruth {
  /** Whether somebody who may has ordered that these be the members. */
  isOrdered: (group: number, members: readonly number[]) => boolean = () => true
  readonly #fail: (problem: string) => void
  readonly #tell: (who: string, what: string) => void
  readonly #count: (name: string) => void
  /** By group, then by height. */
  readonly #decisions = new Map<number, Map<number, Decision>>()
  readonly #entered = new Map<number, Map<number, Entered>>()
  /** Group and hash of each. */
  readonly #anchored = new Set<string>()
  readonly #foundersOf: (group: number) => readonly number[]

  constructor(
    foundersOf: (group: number) => readonly number[],
    fail: (problem: string) => void,
    tell: (who: string, what: string) => void,
    count: (name: string) => void,
  ) {
    this.#foundersOf = foundersOf
    this.#fail = fail
    this.#tell = tell
    this.#count = count
  }

  /** Leaves under the highest seal that anybody knows to be decided. */
  decidedSize(group: number): number {
    return Math.max(0, ...[...this.#of(group).values()].map(({ seal }) => seal.size))
  }

  decidedHeight(group: number): number {
    return Math.max(0, ...this.#of(group).keys())
  }

  /** The newest view that a replica has begun in. */
  view(group: number): number {
    return Math.max(founded, ...(this.#entered.get(group)?.keys() ?? []))
  }

  /** Whether what was at this leaf in this view fell off when a later view began. */
  fellOff(group: number, view: number, leaf: number): boolean {
    return [...(this.#entered.get(group)?.values() ?? [])].some(
      later => later.view > view && later.baseSize <= leaf,
    )
  }

  /** All seals that were decided. */
  decisions(group: number): readonly Seal[] {
    return [...this.#of(group).values()].map(({ seal }) => seal)
  }

  /** The directory's log has its certificate. */
  anchored(group: number, seal: Seal): void {
    this.anchoredAs(group, hexOf(seal))
  }

  /** @param hash of the seal, in hex */
  anchoredAs(group: number, hash: string): void {
    this.#anchored.add(`${group} ${hash}`)
  }

  /** A node calls it final, serves it, and answers for it. */
  decided(node: number, group: number, certificate: Certificate): void {
    const { seal } = certificate
    const view = instanceNumber(certificate)
    const decisions = this.#of(group)
    const hash = hexOf(seal)
    if (!this.#anchored.has(`${group} ${hash}`))
      this.#fail(`n${node}: seal ${seal.height} of group ${group} is final before it is anchored`)
    const known = decisions.get(seal.height)
    if (known === undefined) this.#count('seals-decided')
    if (known === undefined && seal.nextMembers.length > 0) this.#begun(group, seal)
    this.#checkEpoch(node, group, certificate)
    if (known !== undefined && known.hash !== hash)
      this.#fail(`n${node}: seal ${seal.height} of group ${group} is decided, and another one is too`)
    decisions.set(seal.height, { view: Math.min(view, known?.view ?? view), seal, hash })
    for (const [height, child] of [
      [seal.height, seal],
      [seal.height + 1, decisions.get(seal.height + 1)?.seal],
    ] as const) {
      const below = decisions.get(height - 1)
      if (child === undefined || below === undefined) continue
      if (Buffer.from(child.previous).toString('hex') !== below.hash)
        this.#fail(`seal ${height} of group ${group} is decided, and is no child of the one below`)
    }
    for (const later of this.#entered.get(group)?.values() ?? []) this.#checkBase(group, later)
  }

  #begun(group: number, { height, nextMembers }: Seal): void {
    this.#count('epochs-begun')
    const members = nextMembers.map(({ node }) => node)
    if (!this.isOrdered(group, members))
      this.#fail(
        `seal ${height} of group ${group} is decided, and gives it to ${members}, whom nobody ordered`,
      )
  }

  /** Only the members of an epoch decide in it, and nothing above the seal that ended it. */
  #checkEpoch(node: number, group: number, { seal, epoch, votes }: Certificate): void {
    const ends = this.decisions(group).filter(({ nextMembers }) => nextMembers.length > 0)
    const begun = ends.find(({ nextEpoch }) => nextEpoch === epoch)
    const ended = ends.find(it => it.epoch === epoch)
    const members = begun?.nextMembers.map(member => member.node) ?? this.#foundersOf(group)
    if (begun === undefined && epoch > 1) return // its activation is told later
    if (ended !== undefined && seal.height > ended.height)
      this.#fail(
        `n${node}: seal ${seal.height} of group ${group} is decided in epoch ${epoch}, which has ended`,
      )
    const stranger = votes.find(({ signer }) => !members.includes(signer))
    if (stranger !== undefined || votes.length !== quorumSize(members.length))
      this.#fail(`n${node}: seal ${seal.height} of group ${group} is decided by others than the members`)
  }

  hears(node: number, event: string, facts: object): void {
    this.#tell(`n${node}`, `${event} ${JSON.stringify(facts)}`)
    this.#count(event)
    if (event === 'evidence') this.#fail(`n${node} accuses an honest node: ${JSON.stringify(facts)}`)
    if (event !== 'view-entered') return
    const { group, size, ...instance } = facts as {
      readonly group: number
      readonly epoch: number
      readonly view: number
      readonly size: number
    }
    const view = instanceNumber(instance)
    const entered = this.#entered.get(group) ?? new Map<number, Entered>()
    this.#entered.set(group, entered)
    const known = entered.get(view)
    if (known !== undefined && known.baseSize !== size)
      this.#fail(`n${node} enters view ${view} of group ${group} at ${size}, others at ${known.baseSize}`)
    if (known !== undefined) return
    this.#count('views')
    entered.set(view, { view, baseSize: size })
    this.#checkBase(group, { view, baseSize: size })
  }

  #checkBase(group: number, { view, baseSize }: Entered): void {
    for (const { view: before, seal } of this.#of(group).values()) {
      if (before < view && seal.size > baseSize)
        this.#fail(
          `view ${view} of group ${group} begins at ${baseSize}, below seal ${seal.height}, decided in view ${before}`,
        )
    }
  }

  #of(group: number): Map<number, Decision> {
    const decisions = this.#decisions.get(group) ?? new Map<number, Decision>()
    this.#decisions.set(group, decisions)
    return decisions
  }
}
