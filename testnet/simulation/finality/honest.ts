import { FinalityHost } from '../../../consensus/finality/host.ts'
import { sealHash, type Voter } from '../../../consensus/finality/seal.ts'
import type { Signed } from '../../../consensus/finality/signed.ts'
import type { Effects, MemberOptions, StoredMember } from '../../../consensus/finality/types.ts'
import type { Directory } from './directory.ts'
import { Follower } from './follower.ts'
import type { Judge, Watched } from './judge.ts'
import type { Keys } from './keys.ts'
import { hex, type Ordering } from './ordering.ts'
import type { Party, World } from './world.ts'

const TICK_MS = 100
const FOLLOW_MS = 50
const LEASE_MS = 3000
const RESEND_MS = 300

export interface Surroundings {
  readonly world: World
  readonly keys: Keys
  readonly judge: Judge
  readonly directory: Directory
  readonly orderings: ReadonlyMap<number, Ordering>
  readonly founders: readonly Voter[]
  /** Whom a leader may make members next; undefined: it leaves them as they are. */
  readonly nextMembers: (group: number, epoch: number) => readonly Voter[] | undefined
}

/** A node that keeps to the rules: the real host, on a disk and a network that do not. */
export class HonestNode implements Party, Watched {
  readonly number: number
  /** What a crash leaves. */
  disk = new Map<string, Uint8Array>()
  readonly around: Surroundings
  readonly followers = new Map<number, Follower>()
  isUp = false
  leaseUntilMs = 0
  /** It may have forgotten what it signed. */
  isForgetful = false
  #host: FinalityHost | undefined
  life = 0
  #writing: readonly (readonly [string, Uint8Array])[] | undefined
  #leaseCut = false
  #pumping = false

  constructor(number: number, around: Surroundings) {
    this.number = number
    this.around = around
  }

  get host(): FinalityHost {
    return this.#host!
  }

  start(): void {
    const { world, keys, orderings } = this.around
    const life = ++this.life
    this.isUp = true
    this.#host = new FinalityHost({
      self: this.number,
      sign: keys.signer(this.number),
      verify: keys.verify,
      nowMs: () => world.nowMs,
      random: below => world.random.below(below),
      progressMs: failures => Math.min(500 * 2 ** failures, 6000),
      resendMs: RESEND_MS,
    })
    for (const [group, ordering] of orderings) {
      this.#host.open(this.#options(group, ordering))
      const follower = new Follower(this, ordering, this.followers.get(group))
      this.followers.set(group, follower)
      follower.begin()
    }
    this.isForgetful = false
    this.#every(TICK_MS, life, () => this.host.tick())
    this.#every(FOLLOW_MS, life, () => {
      for (const follower of this.followers.values()) follower.step()
    })
    this.#every(1000, life, () => this.#renewLease())
    this.#renewLease()
    world.after(20, () => this.around.directory.retell(this))
    this.pump()
  }

  /** There are authorities in whose view it does not vote, since it may have forgotten that it has. */
  get hasForgotten(): boolean {
    return [...this.around.orderings.keys()].some(group => this.host.status(group)!.hasForgotten)
  }

  #options(group: number, ordering: Ordering): MemberOptions {
    const { founders } = this.around
    const get = (name: string): Uint8Array | undefined => this.disk.get(`${group}/${name}`)
    const activations: Uint8Array[] = []
    for (let epoch = 1; ; epoch++) {
      const bytes = get(`activation/${epoch}`)
      if (bytes === undefined) break
      activations.push(bytes)
    }
    const stored: StoredMember = { sign: get('sign'), tip: get('tip'), view: get('view'), activations }
    return { group, authority: ordering.authority, epoch: 0, founders, stored, forgetful: this.isForgetful }
  }

  #every(periodMs: number, life: number, run: () => void): void {
    const { world } = this.around
    const next = (): void => {
      world.after(periodMs * (0.9 + 0.2 * world.random.fraction()), () => {
        if (!this.isUp || life !== this.life) return
        run()
        this.pump()
        next()
      })
    }
    next()
  }

  #renewLease(): void {
    if (this.#leaseCut) return
    this.leaseUntilMs = this.around.world.nowMs + LEASE_MS
    this.host.lease(this.leaseUntilMs)
  }

  /** The directory cannot be reached, or can again. */
  cutLease(cut: boolean): void {
    this.#leaseCut = cut
  }

  crash(): void {
    if (!this.isUp) return
    const { world } = this.around
    world.fault('crash')
    this.around.judge.crashed(this.number)
    this.isUp = false
    if (this.#writing !== undefined) {
      world.fault('crash during a write')
      if (world.random.chance(0.5)) this.#settle()
    }
    this.#writing = undefined
    this.#host = undefined
  }

  #settle(): void {
    for (const [name, value] of this.#writing ?? []) this.disk.set(name, value)
    this.#writing = undefined
  }

  receive(from: number, bytes: Uint8Array): void {
    this.host.receive(from, bytes)
    this.pump()
  }

  anchored(group: number, hash: Uint8Array): void {
    if (!this.isUp) return
    this.host.anchored(group, hash)
    this.pump()
  }

  evidencePool(group: number): Iterable<Signed> {
    return this.#host?.statements(group) ?? []
  }

  /** Does all that is to be done, until nothing is left. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.isUp && !this.host.isQuiet) this.#carryOut(this.host.takeEffects())
    this.#pumping = false
  }

  #carryOut(effects: Effects): void {
    const { world, judge, directory } = this.around
    for (const { group, epoch, members, certificate } of effects.activated) {
      judge.activated(group, epoch, members, hex(sealHash(certificate.seal)))
    }
    for (const { group, certificate } of effects.certified) {
      judge.certifiedAt(group, this.number, certificate)
      directory.submit(group, certificate)
    }
    for (const { group, certificate } of effects.final) judge.finalAt(group, this.number, certificate)
    for (const { evidence } of effects.evidence) judge.evidence(this.number, evidence)
    for (const follower of this.followers.values()) follower.follow(effects)
    for (const { peer, frame } of effects.send) {
      judge.tap(this.number, frame)
      world.send(this.number, peer, frame)
    }
    if (effects.write !== undefined) this.#write(effects.write)
  }

  #write({ cycle, records }: NonNullable<Effects['write']>): void {
    const { world } = this.around
    const life = this.life
    this.#writing = records.map(({ group, name, value }) => [`${group}/${name}`, value] as const)
    const slow = world.random.chance(0.02) ? 80 : 0
    world.after(1 + 4 * world.random.fraction() + slow, () => {
      if (!this.isUp || life !== this.life) return
      this.#settle()
      this.host.persisted(cycle)
      this.pump()
    })
  }
}
