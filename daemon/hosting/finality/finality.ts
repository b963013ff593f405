import { maxFrameBytes } from '../../../consensus/finality/batcher.ts'
import { type Certificate, decodeCertificate, encodeQuorum } from '../../../consensus/finality/certificate.ts'
import { recoverMember } from '../../../consensus/finality/disk.ts'
import { FinalityDriver } from '../../../consensus/finality/driver.ts'
import { FinalityHost } from '../../../consensus/finality/host.ts'
import type { Seal } from '../../../consensus/finality/seal.ts'
import type { Effects } from '../../../consensus/finality/types.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import type { StoreOp } from '../../../storage/store.ts'
import type { AppliedSeal } from '../../authority/replica.ts'
import type { Fault } from '../../authority/types.ts'
import type { Cancel, PeerId } from '../../ports.ts'
import type { DecidedPoint } from '../decided.ts'
import { Epochs } from './epochs.ts'
import type { FinalityOptions, FinalityStatus, VotedAuthority } from './finality-options.ts'
import { Holding } from './holding.ts'
import { VoteLanes } from './lanes.ts'
import { Progress } from './progress.ts'
import { SealChain } from './seal-chain.ts'
import type { VettedEntry } from './vetted-log.ts'
import { type VettedBeginning, Vetting } from './vetting.ts'
import { Views } from './views.ts'

const tickMs = 100
const resendMs = 1_000
const ticksPerLook = 10
/** How long a view may bring nothing on; it doubles up to sixteen times with each that does not. */
const defaultProgressMs = 10_000
/** Seals that are handed over for voting ahead of the decided one. */
const aheadSeals = 8

/**
 * The members' votes: what the Raft instance of a view commits is certified, and a view that brings nothing on is given up.
 */
export class Finality {
  readonly #options: FinalityOptions
  readonly #host: FinalityHost
  readonly #driver: FinalityDriver
  readonly #lanes: VoteLanes
  readonly #chains = new Map<number, SealChain>()
  readonly #groups = new Map<string, number>()
  readonly #final = new Map<number, Certificate>()
  readonly #views: Views
  readonly #progress: Progress
  readonly #vetting: Vetting
  readonly #epochs: Epochs
  readonly #following = new Map<number, Promise<void>>()
  #ticks = 0
  #timer: Cancel | undefined

  /**
   * What the disk has. It must be there before the first replica executes a seal; nothing leaves before `begin`.
   * @throws FinalityDiskError
   */
  static async load(options: FinalityOptions): Promise<Finality> {
    const finality = new Finality(options)
    for (const { group, members } of options.authorities) {
      if (members.some(({ node }) => node === options.self)) await finality.follow(group)
    }
    return finality
  }

  private constructor(options: FinalityOptions) {
    this.#options = options
    const { self, voteKey, verify, clock, random, network, peers, count, schedule } = options
    const { progressMs: firstMs = defaultProgressMs } = options
    const progressMs = (failures: number): number => firstMs * 2 ** Math.min(failures, 4)
    this.#host = new FinalityHost({
      ...{ self, verify, resendMs, sign: message => voteKey.sign(message), nowMs: () => clock.monotonicMs() },
      random: below => random.below(below),
      progressMs,
      isReachable: node => this.#lanes.reaches(node),
    })
    this.#progress = new Progress(progressMs)
    const holding = new Holding(firstMs)
    this.#vetting = new Vetting({
      ...options,
      checked: group => this.#hand(group),
      forged: (group, forged) => this.#forged(group, forged),
    })
    this.#views = new Views({
      ...{ host: this.#host, store: options.store, clock, door: options.door, count, log: options.log },
      peers: group => this.#peersOf(group),
      stoodAt: (group, base) => {
        const { certified } = this.#host.status(group)!
        return this.#chains.get(group)?.restored(base, certified.height) ?? []
      },
      entered: group => this.#hand(group),
      holdMs: restart => holding.enters(restart.group, restart, clock.monotonicMs()),
    })
    this.#epochs = new Epochs({
      ...{ self, host: this.#host, door: options.door, patienceMs: firstMs },
      restart: restart => this.#views.restart(restart),
    })
    this.#driver = new FinalityDriver({
      host: this.#host,
      schedule,
      send: (peer, frame) => this.#lanes.send(peer, frame),
      write: (ops, done) => {
        options.addOps(ops)
        if (done !== undefined) options.sync(done)
      },
      carryOut: effects => this.#carryOut(effects),
    })
    this.#lanes = new VoteLanes({
      ...{ peers, network, clock, maxFrameBytes, count },
      opened: peer => {
        this.#host.peerUp(peer)
        if (this.#timer !== undefined) this.#driver.wake()
      },
      receive: (peer, frame) => {
        if (this.#timer === undefined) this.#host.receive(peer, frame)
        else this.#driver.receive(peer, frame)
      },
    })
    options.anchoring.begin({
      leased: untilMs => {
        this.#host.lease(untilMs)
        if (this.#timer !== undefined) this.#driver.wake()
      },
      anchored: (group, hash) => {
        this.#host.anchored(group, hash)
        if (this.#timer !== undefined) this.#driver.wake()
      },
    })
  }

  /**
   * This node is or was to hold a replica of it: from now on it learns what the members decide, and takes part where it is one.
   * @throws FinalityDiskError
   */
  follow(group: number): Promise<void> {
    const authority = this.#options.authorities.find(each => each.group === group)
    const following = this.#following.get(group) ?? (authority && this.#open(authority)) ?? Promise.resolve()
    this.#following.set(group, following)
    return following
  }

  async #open({ group, origin, epoch, members, givesLeases = false }: VotedAuthority): Promise<void> {
    const { store, sha256, forgetful, voteKeyOf } = this.#options
    const authority = sha256(Buffer.from(origin))
    const stored = await recoverMember(store, group)
    const chain = await SealChain.load(store, group, authority, voteKeyOf, stored?.tip)
    this.#chains.set(group, chain)
    this.#groups.set(origin, group)
    this.#host.open({ group, authority, epoch, founders: members, stored, forgetful, givesLeases })
    const tip = stored?.tip && decodeCertificate(stored.tip)
    if (tip !== undefined) this.#options.anchoring.anchor(group, tip)
    await this.#views.load(group, { epoch, view: 0 })
    this.#hand(group)
    if (this.#timer !== undefined) this.#views.begin([group])
  }

  begin(): void {
    const run = (): void => {
      this.#timer = this.#options.clock.after(tickMs, run)
      if (++this.#ticks % ticksPerLook === 0) this.#lookAtProgress()
      this.#vetting.tick()
      this.#driver.tick()
    }
    run()
    this.#views.begin(this.#chains.keys())
    for (const group of this.#chains.keys()) this.#hand(group)
  }

  stop(): void {
    this.#timer?.()
    this.#options.anchoring.stop()
    this.#views.stop()
    this.#lanes.stop()
  }

  /** A replica of this node takes part from now on, with what the disk has. */
  opened(group: number, begin: VettedBeginning): void {
    const decidedSize = this.decidedSize(group)
    if (decidedSize === undefined) return
    this.#vetting.opened(group, this.#originOf(group), decidedSize, begin)
    this.#hand(group)
  }

  /** It has applied an entry, before what is said of the seals in it. */
  applied(group: number, entry: VettedEntry): void {
    this.#vetting.applied(group, entry)
  }

  /** Of records that fell off its log, those that may be proposed again. */
  async attested(group: number, records: readonly LogRecord[]): Promise<readonly LogRecord[]> {
    return await this.#vetting.attested(this.#originOf(group), records)
  }

  #originOf(group: number): string {
    return this.#options.authorities.find(each => each.group === group)!.origin
  }

  /** Its leader had members commit what no honest leader does: nobody votes for that, and another one is needed. */
  #forged(group: number, forged: Fault): void {
    this.#options.log('forged', { group, ...forged, leader: this.#options.door()?.leader(group) ?? 0 })
    this.#options.count('finality_forged', { code: forged.code })
    this.suspect(group, 'forged')
  }

  /** A replica of this node has executed a seal. The ops belong to the batch with its records. */
  sealed(group: number, seal: AppliedSeal): readonly StoreOp[] {
    const ops = this.#chains.get(group)?.executed(seal) ?? []
    this.#hand(group)
    return ops
  }

  get waitsForAnchors(): boolean {
    return this.#options.anchoring.waits
  }

  votesOn(group: number): boolean {
    return this.#chains.has(group)
  }

  /** Leaves that the members have decided, as far as this node knows; undefined when it does not follow this authority. */
  decidedSize(group: number): number | undefined {
    const status = this.#host.status(group)
    return status && (status.certifiedSeals[0]?.size ?? 0)
  }

  /** Of its leader's clock then, in ms: the newest seal that the members have decided; 0 for none. */
  decidedTimeMs(group: number): number {
    return this.#host.status(group)?.certifiedSeals[0]?.timeMs ?? 0
  }

  /** Whether this node's replica is between two views, or in another than this one, and not to be opened now. */
  isHeldBack(group: number, instance?: { readonly epoch: number; readonly view: number }): boolean {
    const standing = this.#views.standing(group)
    if (!this.#chains.has(group)) return false
    if (standing === undefined || instance === undefined) return standing === undefined
    return standing.epoch !== instance.epoch || standing.view !== instance.view
  }

  /** Whether a change of views brings the replica on, and opens it itself, with what fell off it. */
  bringsOn(group: number): boolean {
    return this.#views.bringsOn(group)
  }

  /** An order of who shall be a member has come: this node may vote for a seal that names these, and may have to hold a replica. */
  ordered(group: number): void {
    this.#hand(group)
    this.#views.begin([group])
  }

  /** The members of one epoch; undefined where this node was never shown how it began. */
  membersIn(group: number, epoch: number): readonly number[] | undefined {
    return this.#host.membersIn(group, epoch)?.map(({ node }) => node)
  }

  /** Who decides now, as far as this node knows, ascending; undefined when it does not follow this authority. */
  membersOf(group: number): readonly number[] | undefined {
    return this.#host.status(group)?.members.map(({ node }) => node)
  }

  /** The newest one that this node knows of; undefined when it does not follow this authority. */
  epochOf(group: number): number | undefined {
    return this.#host.status(group)?.epoch
  }

  /** Everybody who was a member by what was decided. */
  everMembersOf(group: number): readonly number[] {
    return this.#host.everMembers(group)
  }

  /** An input for this authority has waited for a while on this node. */
  waits(group: number): void {
    this.#progress.waits(group, this.#options.clock.monotonicMs())
  }

  /** The present view of this authority serves nobody, or has shown a contradiction. */
  suspect(group: number, why: string): void {
    this.#options.log('view-suspected', { group, why })
    this.#options.count('finality_views_suspected', { why })
    this.#host.suspect(group)
    this.#driver.wake()
  }

  #lookAtProgress(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const group of this.#chains.keys()) {
      if (this.#epochs.look(group, nowMs)) this.suspect(group, 'unordered-members')
      const { certified, votes } = this.#host.status(group)!
      const signs = votes ? this.#options.door()?.signs(group) : undefined
      // The others have decided what this replica has not come to: the view is well, and it may itself be the reason.
      const isBehind = signs !== undefined && signs.sealHeight < certified.height
      if (signs === undefined || isBehind || !this.#host.reachesQuorum(group)) this.#progress.forget(group)
      else {
        // A leader holds the next seal back while the last one is undecided: that is for the votes' own clock.
        const isUnsealed = signs.isUnsealed && signs.sealHeight === certified.height
        if (this.#progress.look(group, { ...signs, isUnsealed }, nowMs)) this.suspect(group, 'no-progress')
      }
    }
  }

  #peersOf(group: number): readonly PeerId[] {
    const reached = this.#host.everMembers(group).filter(node => this.#lanes.reaches(node))
    return reached.map(node => this.#options.peers.get(node)!)
  }

  /** Only what was committed in the very instance that the replica takes part in, and only what was checked. */
  #hand(group: number): void {
    const { certified } = this.#host.status(group) ?? {}
    const chain = this.#chains.get(group)
    const standing = this.#views.standing(group)
    if (chain === undefined || certified === undefined || standing === undefined) return
    const { epoch, view } = standing
    for (const seal of chain.undecided) {
      if (seal.height > certified.height + aheadSeals) break
      if (seal.height <= certified.height) continue
      if (!this.#epochs.mayDecide(group, seal, this.#options.clock.monotonicMs())) break
      if (!this.#vetting.covers(group, seal.size)) break
      this.#host.executed(group, epoch, view, seal)
    }
    if (this.#timer !== undefined) this.#driver.wake()
  }

  status(group: number): FinalityStatus | undefined {
    const status = this.#host.status(group)
    if (status === undefined) return undefined
    const { certified, finalHeight, hasForgotten } = status
    return {
      certifiedHeight: certified.height,
      finalHeight,
      hasForgotten,
      finalSize: this.#final.get(group)?.seal.size ?? 0,
    }
  }

  /** Where the log stood at the newest final seal. */
  final(group: number): DecidedPoint | undefined {
    const certificate = this.#final.get(group)
    if (certificate === undefined) return undefined
    const { size, root } = certificate.seal
    return { size, root, certificate: encodeQuorum(certificate) }
  }

  /** The same with its certificate, as it is served. */
  newest(group: number): { readonly seal: Seal; readonly certificate: Uint8Array } | undefined {
    const certificate = this.#final.get(group)
    return certificate && { seal: certificate.seal, certificate: encodeQuorum(certificate) }
  }

  /** The newest final certificate of the log of this name (docs/finality.md). */
  certificate(origin: string): Uint8Array | undefined {
    const certificate = this.#final.get(this.#groups.get(origin) ?? 0)
    return certificate && encodeQuorum(certificate)
  }

  /** The certificates that lead from the first members of this log's authority to the present ones. */
  activations(origin: string): Uint8Array[] {
    return this.activationsAfter(this.#groups.get(origin) ?? 0, 0)
  }

  /** The same, of the epochs after this one. */
  activationsAfter(group: number, epoch: number): Uint8Array[] {
    const later = this.#host.activations(group).filter(({ seal }) => seal.nextEpoch > epoch)
    return later.map(encodeQuorum)
  }

  #carryOut(effects: Omit<Effects, 'write' | 'send'>): void {
    for (const freeze of effects.freeze) {
      this.#views.freeze(freeze)
      this.#vetting.ended(freeze.group)
      this.#progress.forget(freeze.group)
      this.#epochs.forget(freeze.group)
    }
    for (const activated of effects.activated) this.#epochs.activated(activated)
    for (const restart of effects.restart) this.#views.restart(restart)
    for (const { group, certificate } of effects.certified) {
      this.#options.addOps(this.#chains.get(group)?.decided(certificate) ?? [])
      this.#vetting.decided(group, certificate.seal.size)
      this.#views.decided(group, certificate.seal.height)
      this.#options.anchoring.anchor(group, certificate)
      this.#options.door()?.decided(group, certificate.seal.size)
      this.#hand(group)
    }
    for (const { group, certificate } of effects.final) {
      this.#final.set(group, certificate)
      this.#options.onFinal(group, certificate)
    }
    for (const { evidence } of effects.evidence) {
      this.#options.onEvidence(evidence)
    }
    for (const { group } of [...effects.halted, ...effects.diverged]) {
      this.#options.log('finality-stopped', { group })
    }
  }
}
