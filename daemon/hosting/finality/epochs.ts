import type { FinalityHost } from '../../../consensus/finality/host.ts'
import type { Seal } from '../../../consensus/finality/seal.ts'
import type { Activated, Restart } from '../../../consensus/finality/types.ts'

/** What a change of members asks of those who run the replicas. */
export interface MembersDoor {
  /** Whether this node is to hold a replica: as a member, or because an order names it. */
  holds(group: number): boolean
  /** Whether these are to be the members, node numbers, ascending, as this node was told by whoever may order it. */
  isOrdered(group: number, members: readonly number[]): boolean
  /** Node numbers of those who may know what was decided. */
  mayServe(group: number): readonly number[]
  /** Others are the members from now on. */
  activated(group: number): void
}

export interface EpochsParts {
  readonly self: number
  readonly host: FinalityHost
  readonly door: () => MembersDoor | undefined
  readonly restart: (restart: Restart) => void
  /** How long the members may be asked to vote for what nobody ordered, as far as this node knows. */
  readonly patienceMs: number
}

/** Asked at a time, the next ones a second later. */
const askedAtOnce = 2

/**
 * Where the members of an authority change (docs/finality.md, rule 5). A seal names them; a node votes for it only when it was
 * told of that order itself. What the members decide then is what counts, for everybody: those who come, those who stay and
 * those who leave go by the certificate alone.
 */
export class Epochs {
  readonly #parts: EpochsParts
  /** By group: since when a seal waits that names members whom nobody ordered. */
  readonly #unorderedSinceMs = new Map<number, number>()
  #turn = 0

  constructor(parts: EpochsParts) {
    this.#parts = parts
  }

  /** Whether the members may be asked to decide this seal, as far as it names others. */
  mayDecide(group: number, { nextMembers }: Seal, nowMs: number): boolean {
    const named = nextMembers.map(({ node }) => node)
    const may = named.length === 0 || this.#parts.door()?.isOrdered(group, named) === true
    if (may) this.#unorderedSinceMs.delete(group)
    else if (!this.#unorderedSinceMs.has(group)) this.#unorderedSinceMs.set(group, nowMs)
    return may
  }

  /** Every second. True: the leader wants members that nobody has ordered, as far as this node was told for a while. */
  look(group: number, nowMs: number): boolean {
    this.#catchUp(group)
    const sinceMs = this.#unorderedSinceMs.get(group) ?? nowMs
    if (nowMs - sinceMs < this.#parts.patienceMs) return false
    this.forget(group)
    return true
  }

  /** The view is over, or something is decided. */
  forget(group: number): void {
    this.#unorderedSinceMs.delete(group)
  }

  /** A replica here that has no vote is told nothing by those who have: it asks. */
  #catchUp(group: number): void {
    const { host, self, door } = this.#parts
    if (host.status(group)?.votes !== false || door()?.holds(group) !== true) return
    const all = [...new Set([...host.everMembers(group), ...door()!.mayServe(group)])]
    const others = all.filter(node => node !== self)
    if (others.length === 0) return
    const first = this.#turn++ % others.length
    host.ask(group, [...others.slice(first), ...others.slice(0, first)].slice(0, askedAtOnce))
  }

  /** The epoch begins for this node's replica, where it is the newest that is known, and no later view of it is. */
  activated({ group, epoch, certificate }: Activated): void {
    const { host, door, restart } = this.#parts
    this.forget(group)
    const { leader, view, epoch: newest } = host.status(group)!
    if (newest !== epoch) return
    if (view === 0) restart({ group, epoch, view, leader, base: certificate.seal })
    this.#catchUp(group)
    door()?.activated(group)
  }
}
