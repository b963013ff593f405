import type { Seal } from '../../../consensus/finality/seal.ts'
import type { Voter } from '../../../world/directory/types.ts'
import { SimNode } from '../directory/node.ts'
import type { SimRandom } from '../random.ts'
import { type Ballots, compareSpots, hex, type Spot } from './ballots.ts'
import type { Shown } from './shown.ts'

/** A quorum's votes for a seal up to which this node has the log. */
export interface Proof {
  readonly spot: Spot
  readonly kind: 1 | 2
  readonly bytes: Uint8Array
}

/** What a member is given of the world around it. */
export interface Around {
  readonly ballots: Ballots
  readonly authority: Uint8Array
  readonly nowMs: () => number
  /** A vote of that node may come to this one now. */
  readonly sees: (from: number, to: number) => boolean
  /** Reports of view changes, by epoch and view. */
  readonly changes: Map<string, Map<number, Spot>>
  /** Certificates that anybody has put together. */
  readonly certificates: Proof[]
  readonly voted: (member: SimMember, kind: 1 | 2, spot: Spot) => void
  readonly began: (member: SimMember) => void
  readonly others: () => readonly SimMember[]
}

/**
 * One node as a member: docs/finality.md's rules in small, votes by votes, with what it must not forget on a disk that it does not lose.
 * What is tried is what the directory does with its answers.
 */
export class SimMember extends SimNode {
  readonly number: number
  readonly random: SimRandom
  readonly #around: Around
  epoch = 1
  view = 0
  /** Above `view`: it votes no more in that. */
  frozenView = 0
  /** It signs nothing in epochs below. */
  frozenBelow = 0
  members: readonly Voter[]
  base: Spot
  isDown = false
  /** It is alone with those of its side. */
  side = 0
  /** Of this epoch; its own base too, where the members before decided it. */
  readonly #decided = new Set<string>([''])
  /** The highest of this epoch, and whatever it knew of others before. */
  best: Proof | undefined
  /** Certified in this epoch, the newest. */
  tip: Spot
  /** Hashes of the seals up to which it has the log. */
  readonly has = new Set<string>([''])
  readonly known = new Map<string, Proof>()
  readonly #voted = new Set<string>()
  #movedMs = 0
  told: Shown | undefined
  /** By how much at most the directory's log comes late. */
  lagMs = 900
  /** Pieces of the directory's log that are on their way to it. */
  readonly coming: { readonly atMs: number; readonly shown: Shown }[] = []

  constructor(number: number, isLiar: boolean, members: readonly Voter[], random: SimRandom, around: Around) {
    super(number, isLiar, random)
    this.number = number
    this.random = random
    this.members = members
    this.#around = around
    this.base = { epoch: 1, view: 0, height: 0, hash: '' }
    this.tip = this.base
  }

  get isMember(): boolean {
    return this.members.some(({ node }) => node === this.number)
  }

  /** Where one may lie without that anything is lost. */
  get lies(): boolean {
    return this.isLiar && this.members.length >= 4
  }

  get isBaseDecided(): boolean {
    const { base, tip } = this
    return this.#decided.has(base.hash) || (tip.hash !== base.hash && this.#decided.has(tip.hash))
  }

  get leads(): boolean {
    return this.members[this.view % this.members.length]?.node === this.number
  }

  /** A piece of the directory's certified log. What it says of epochs comes before the lease that it gives. */
  follow(shown: Shown): void {
    this.told = shown
    const { row, epoch, members, anchor } = shown
    if (row?.phase === 'asking' && row.asked.includes(this.number)) this.freeze(row.epoch)
    if (epoch > this.epoch && epoch >= this.frozenBelow) {
      const place = row?.base ?? anchor
      const hash = place === undefined || place.height === 0 ? '' : hex(place.hash)
      this.begin(epoch, members, { epoch, view: 0, height: place?.height ?? 0, hash }, row?.phase !== 'begun')
    }
    const nonce = shown.renewals.get(this.number)
    if (nonce !== undefined) this.shown(nonce)
  }

  /** Synced before anything is answered. */
  freeze(epoch: number): void {
    this.frozenBelow = Math.max(this.frozenBelow, epoch)
  }

  begin(epoch: number, members: readonly Voter[], base: Spot, isDecided: boolean): void {
    this.epoch = epoch
    this.view = 0
    this.frozenView = 0
    this.members = members
    this.base = base
    this.tip = base
    this.#decided.clear()
    this.#decided.add('')
    if (isDecided) this.#decided.add(base.hash)
    this.#around.began(this)
  }

  /** One thing that it may do now. */
  act(): void {
    this.#look()
    if (!this.isMember || (this.epoch < this.frozenBelow && !this.lies)) return
    const kind = this.random.below(12)
    const isStuck = this.#around.nowMs() > this.#movedMs + 4_000 && this.random.chance(0.2)
    if (kind === 0 && (isStuck || this.random.chance(0.02)))
      return this.#changeView(Math.max(this.view, this.frozenView) + 1)
    if (kind <= 2) return this.#enterView()
    if (this.frozenView > this.view) return
    if (kind <= 6) return this.#vote1()
    this.#vote2()
  }

  /** Sees quorums, fetches what it lacks, and puts certificates together. */
  #look(): void {
    const { ballots, certificates } = this.#around
    const casts = ballots.casts.slice(-24)
    for (const { spot, kind } of casts) {
      if (spot.epoch !== this.epoch || !this.#fetch(spot.hash)) continue
      const bytes = ballots.quorum(kind, spot, this.members, node => this.#sees(node))
      if (bytes === undefined) continue
      const proof = { spot, kind, bytes }
      if (kind === 2) certificates.push(proof)
      this.#take(proof)
    }
    for (const proof of certificates.slice(-8)) {
      const isFrom = this.#around
        .others()
        .some(other => other.known.has(keyOf(proof)) && this.#sees(other.number))
      if (proof.spot.epoch === this.epoch && isFrom && this.#fetch(proof.spot.hash)) this.#take(proof)
    }
  }

  #take(proof: Proof): void {
    const { ballots } = this.#around
    const { spot, kind } = proof
    this.known.set(keyOf(proof), proof)
    if (this.best === undefined || compareSpots(spot, this.best.spot) > 0) this.best = proof
    if (kind !== 2) return
    const seal = ballots.seals.get(spot.hash)!
    this.#decided.add(spot.hash)
    if (spot.height > this.tip.height) {
      this.tip = spot
      this.#movedMs = this.#around.nowMs()
    }
    if (seal.nextMembers.length > 0 && seal.nextEpoch === this.epoch + 1)
      this.begin(seal.nextEpoch, seal.nextMembers, { ...spot, epoch: seal.nextEpoch, view: 0 }, true)
  }

  #sees(node: number): boolean {
    return node === this.number || (this.#around.sees(node, this.number) && this.random.chance(0.6))
  }

  /** Whether it has the log up to there, from another one if need be. */
  #fetch(hash: string): boolean {
    if (this.has.has(hash)) return true
    const from = this.#around
      .others()
      .find(other => !other.isDown && other.has.has(hash) && this.#sees(other.number))
    if (from === undefined) return false
    for (let each = hash; !this.has.has(each); each = below(this.#around.ballots.seals.get(each)!))
      this.has.add(each)
    return true
  }

  #cast(kind: 1 | 2, spot: Spot): void {
    const once = `${kind}/${spot.epoch}/${spot.view}/${spot.height}`
    if (this.#voted.has(once)) return
    this.#voted.add(once)
    this.#around.voted(this, kind, spot)
  }

  /** For the base while it is not decided, or for a child of what is. */
  #vote1(): void {
    const { ballots } = this.#around
    const { epoch, view, base } = this
    if (!this.#fetch(this.isBaseDecided ? this.tip.hash : base.hash)) return
    if (!this.isBaseDecided) return this.#cast(1, { epoch, view, height: base.height, hash: base.hash })
    const height = this.tip.height + 1
    if (!ballots.isAncestor(base.hash, this.tip.hash)) return
    const mayVote = (seal: Seal): boolean =>
      seal.epoch === epoch && seal.height === height && below(seal) === this.tip.hash && this.#isOrdered(seal)
    const proposed = ballots.casts
      .filter(
        ({ kind, spot }) =>
          kind === 1 && spot.epoch === epoch && spot.view === view && spot.height === height,
      )
      .find(({ node, spot }) => mayVote(ballots.seals.get(spot.hash)!) && this.#sees(node))
    if (proposed === undefined && !this.leads) return
    const hash = proposed?.spot.hash ?? ballots.add(this.#propose(height))
    this.has.add(hash)
    this.#cast(1, { epoch, view, height, hash })
  }

  #propose(height: number): Seal {
    const { pending } = this.told ?? {}
    const nextMembers = pending !== undefined && this.told?.epoch === this.epoch ? pending : []
    return {
      ...{ authority: this.#around.authority, epoch: this.epoch, height, size: height * 10, tick: height },
      previous: this.tip.hash === '' ? new Uint8Array(32) : Buffer.from(this.tip.hash, 'hex'),
      ...{ root: this.random.bytes(32), stateRoot: new Uint8Array(32), timeMs: height, nextMembers },
      nextEpoch: this.epoch + (nextMembers.length > 0 ? 1 : 0),
    }
  }

  /** It was told itself that these shall come. */
  #isOrdered({ nextMembers }: Seal): boolean {
    if (nextMembers.length === 0) return true
    const names = (voters: readonly Voter[]): string => voters.map(({ node }) => node).join()
    return this.told?.pending !== undefined && names(this.told.pending) === names(nextMembers)
  }

  /** For what is prepared: it is locked first, and only under a lease. */
  #vote2(): void {
    const { epoch, view } = this
    const lock = this.best
    if (lock === undefined || lock.spot.epoch !== epoch || lock.spot.view !== view) return
    if (!this.isLeased(this.#around.nowMs()) && !this.lies) return
    this.#cast(2, lock.spot)
  }

  #changeView(view: number): void {
    this.#movedMs = this.#around.nowMs()
    this.frozenView = view
    const key = `${this.epoch}/${view}`
    const reports = this.#around.changes.get(key) ?? new Map<number, Spot>()
    this.#around.changes.set(key, reports)
    reports.set(this.number, this.best?.spot.epoch === this.epoch ? this.best.spot : this.base)
  }

  #enterView(): void {
    const quorum = Math.ceil((this.members.length + Math.floor((this.members.length - 1) / 3) + 1) / 2)
    const seenOf = (view: number): [number, Spot][] =>
      [...(this.#around.changes.get(`${this.epoch}/${view}`) ?? [])].filter(
        ([node]) => this.members.some(each => each.node === node) && this.#sees(node),
      )
    for (let view = this.frozenView + 4; view > Math.max(this.frozenView, this.view); view--)
      if (seenOf(view).length > 0) return this.#changeView(view)
    const view = this.frozenView
    const seen = seenOf(view)
    if (view === this.view || seen.length < quorum) return
    const base = seen.map(([, spot]) => spot).reduce((a, b) => (compareSpots(a, b) >= 0 ? a : b))
    this.view = view
    this.base = base
    this.#movedMs = this.#around.nowMs()
    if (!this.#around.ballots.isAncestor(base.hash, this.tip.hash)) this.tip = base
  }
}

const keyOf = ({ kind, spot }: Proof): string => `${kind}/${spot.epoch}/${spot.view}/${spot.hash}`

/** The empty log has no hash. */
const below = ({ height, previous }: Seal): string => (height === 1 ? '' : hex(previous))
