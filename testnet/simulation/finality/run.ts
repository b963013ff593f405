import { toleratedLiars } from '../../../consensus/finality/quorum.ts'
import type { Voter } from '../../../consensus/finality/seal.ts'
import type { SimRandom } from '../random.ts'
import { Cabal } from './cabal.ts'
import { Directory } from './directory.ts'
import { HonestNode, type Surroundings } from './honest.ts'
import { Judge, Violation } from './judge.ts'
import { Keys } from './keys.ts'
import { type Character, Liar } from './liar.ts'
import { Ordering } from './ordering.ts'
import { World } from './world.ts'

const PEACE_MS = 25_000
const FAULTS_MS = 35_000
const MOST_FORGOTTEN = 3
const BACKUP_AGE_MS = 4000

export interface FinalityPlan {
  readonly seed: number
  /** Members that the authorities are founded with; drawn from the seed if absent. */
  readonly members?: number | undefined
  /** Of them, liars. */
  readonly liars?: number | undefined
}

export interface FinalityResult {
  readonly trace: string
  readonly members: number
  readonly liars: number
  readonly beyond: boolean
  readonly certificates: number
  readonly finalHeight: number
  readonly viewsEntered: number
  readonly activations: number
  readonly conflicts: number
  readonly named: number
  readonly frames: number
  readonly faults: ReadonlyMap<string, number>
  readonly counters: ReadonlyMap<string, number>
}

/** One network of 60 virtual seconds: 35 of faults, then peace, in which it has to go on. */
export function runFinality(plan: FinalityPlan): FinalityResult {
  return new Run(plan).run()
}

class Run {
  readonly #world: World
  readonly #random: SimRandom
  readonly #keys = new Keys()
  readonly #orderings = new Map<number, Ordering>()
  readonly #judge: Judge
  readonly #directory: Directory
  readonly #honest: HonestNode[] = []
  readonly #cabal: Cabal
  readonly #members: number
  readonly #liars: number
  readonly #beyond: boolean
  readonly #pool: readonly Voter[]
  /** Nodes that have forgotten so far. */
  #forgotten = 0
  #forgetAgainAtMs = 0
  readonly #caution: number

  constructor({ seed, members, liars }: FinalityPlan) {
    this.#world = new World(seed)
    this.#random = this.#world.random.fork('plan')
    this.#members = members ?? [3, 4, 4, 5, 7][this.#random.below(5)]!
    const f = toleratedLiars(this.#members)
    this.#liars =
      liars ?? this.#random.below(f + 1) + (this.#random.chance(0.25) ? 1 + this.#random.below(2) : 0)
    this.#liars = Math.min(this.#liars, Math.max(f, this.#members - 2))
    this.#beyond = this.#liars > f
    this.#caution = this.#random.below(3)
    const spare = this.#beyond ? 0 : 2
    this.#pool = Array.from({ length: this.#members + spare }, (_, i) => {
      return { node: i + 1, key: this.#keys.publicKey(i + 1) }
    })
    const founders = this.#pool.slice(0, this.#members)
    const groups = this.#random.chance(0.25) ? 2 : 1
    for (let group = 1; group <= groups; group++) this.#orderings.set(group, new Ordering(this.#world, group))
    this.#judge = new Judge(this.#keys, this.#orderings, founders, this.#beyond, () => this.#world.nowMs)
    this.#directory = new Directory(this.#world, this.#judge)
    const tap = (from: number, bytes: Uint8Array): void => this.#judge.tap(from, bytes)
    this.#cabal = new Cabal(this.#world, this.#keys, this.#orderings, founders, tap)
    this.#people(founders)
  }

  #people(founders: readonly Voter[]): void {
    const around: Surroundings = {
      ...{ world: this.#world, keys: this.#keys, judge: this.#judge, directory: this.#directory },
      ...{ orderings: this.#orderings, founders, nextMembers: () => this.#nextMembers() },
    }
    const numbers = this.#pool.map(({ node }) => node)
    const liars = new Set<number>()
    while (liars.size < this.#liars) liars.add(1 + this.#random.below(this.#members))
    for (const number of numbers) {
      const party = liars.has(number)
        ? new Liar(number, this.#character(), this.#cabal)
        : new HonestNode(number, around)
      this.#world.parties.set(number, party)
      if (party instanceof Liar) continue
      this.#honest.push(party)
      this.#judge.honest.set(number, party)
      this.#directory.nodes.push(party)
    }
  }

  #character(): Character {
    const random = this.#random
    const all = this.#beyond
    // All of them alike: what one avoids another must not spoil.
    const avoids = all ? (['nothing', 'rivals', 'all'] as const)[this.#caution]! : 'nothing'
    return {
      avoids,
      ...{ equivocates: all || random.chance(0.6), withholds: random.chance(0.4), hides: random.chance(0.6) },
      ...{ inflates: random.chance(0.3), forges: random.chance(0.4), silent: !all && random.chance(0.15) },
      conspires: all && random.chance(0.8),
    }
  }

  /** Any members that keep the liars few enough. */
  #nextMembers(): readonly Voter[] | undefined {
    if (this.#beyond) return undefined
    const size = Math.max(this.#members - 1, 3) + this.#world.random.below(3)
    const left = [...this.#pool]
    const next: Voter[] = []
    while (next.length < size && left.length > 0)
      next.push(left.splice(this.#world.random.below(left.length), 1)[0]!)
    const faulty =
      next.filter(({ node }) => this.#cabal.liars.has(node)).length + Math.min(this.#forgotten, 1)
    return faulty > toleratedLiars(next.length) ? undefined : next.sort((a, b) => a.node - b.node)
  }

  run(): FinalityResult {
    for (const node of this.#honest) node.start()
    for (const liar of this.#cabal.liars.values()) liar.start()
    this.#disturb()
    this.#world.runUntil(FAULTS_MS)
    this.#calm()
    const before = this.#heights()
    this.#world.runUntil(FAULTS_MS + PEACE_MS)
    if (this.#beyond) this.#judge.checkAccountability()
    else this.#checkProgress(before)
    return this.#result()
  }

  #disturb(): void {
    const { links } = this.#world
    const random = this.#random
    links.lossRate = random.chance(0.7) ? 0.08 * random.fraction() : 0
    links.duplicateRate = 0.05 * random.fraction()
    links.delayMs = random.chance(0.5) ? 1 : 20
    links.jitterMs = [4, 40, 120][random.below(3)]!
    const count = 3 + random.below(6)
    for (let i = 0; i < count; i++) {
      this.#world.after(1000 + random.fraction() * (FAULTS_MS - 6000), () => this.#fault())
    }
  }

  #fault(): void {
    const random = this.#random
    const node = this.#honest[random.below(this.#honest.length)]!
    const lastsMs = 300 + random.fraction() * 3500
    switch (random.below(6)) {
      case 0:
      case 1:
        this.#restart(node, lastsMs)
        break
      case 2:
        this.#world.fault('all crash')
        for (const one of this.#honest) this.#restart(one, lastsMs * random.fraction())
        break
      case 3:
        this.#world.fault('cut')
        this.#world.cut(this.#honest.filter(() => random.chance(0.4)).map(({ number }) => number))
        this.#world.after(lastsMs, () => this.#world.cut([]))
        break
      case 4:
        this.#world.fault('directory cut')
        for (const one of this.#honest) if (random.chance(0.6)) one.cutLease(true)
        this.#world.after(3000 + lastsMs, () => this.#renewLeases())
        break
      default:
        this.#forget(node, lastsMs)
    }
  }

  #renewLeases(): void {
    for (const one of this.#honest) one.cutLease(false)
  }

  #restart(node: HonestNode, downMs: number): void {
    if (!node.isUp) return
    node.crash()
    this.#world.after(downMs, () => node.start())
  }

  /**
   * Its disk is wiped, or an older copy of it put back. It counts as faulty until it knows again how far it has gone; then another
   * one may forget. Three members withstand that too, where all three are there.
   */
  #forget(node: HonestNode, downMs: number): void {
    const isAllowed =
      !this.#beyond &&
      this.#liars + 1 <= Math.max(1, toleratedLiars(this.#members)) &&
      this.#forgotten < MOST_FORGOTTEN &&
      this.#world.nowMs >= this.#forgetAgainAtMs &&
      this.#honest.every(one => one.isUp && !one.hasForgotten)
    if (!isAllowed || !node.isUp) return this.#restart(node, downMs)
    this.#forgotten++
    this.#forgetAgainAtMs = this.#world.nowMs + BACKUP_AGE_MS + downMs + 1000
    const backup = new Map(node.disk)
    const isWiped = this.#random.chance(0.5)
    this.#world.fault(isWiped ? 'wiped disk' : 'restored backup')
    this.#world.after(isWiped ? 0 : BACKUP_AGE_MS, () => {
      node.crash()
      node.disk = isWiped ? new Map() : backup
      node.isForgetful = true
      this.#world.after(downMs, () => node.isUp || node.start())
    })
  }

  #calm(): void {
    const { links } = this.#world
    links.lossRate = 0
    links.duplicateRate = 0
    links.jitterMs = 20
    this.#world.cut([])
    this.#renewLeases()
    for (const node of this.#honest) if (!node.isUp) node.start()
  }

  #heights(): Map<number, number> {
    const heights = new Map<number, number>()
    for (const group of this.#orderings.keys()) {
      heights.set(group, Math.max(...this.#honest.map(({ host }) => host.status(group)!.finalHeight)))
    }
    return heights
  }

  #checkProgress(before: ReadonlyMap<number, number>): void {
    for (const [group, height] of before) {
      const newest = Math.max(...this.#honest.map(({ host }) => host.status(group)!.epoch))
      for (const node of this.#honest) {
        const { epoch, votes, finalHeight } = node.host.status(group)!
        if (epoch < newest || !votes || finalHeight >= height + 3) continue
        throw new Violation(
          `node ${node.number}, group ${group}: final only up to ${finalHeight}, after ${height} before ${PEACE_MS} ms of peace`,
        )
      }
    }
  }

  #result(): FinalityResult {
    const counters = new Map<string, number>()
    for (const { host } of this.#honest) {
      for (const [name, count] of host.counters()) counters.set(name, (counters.get(name) ?? 0) + count)
    }
    return {
      ...{ trace: this.#world.trace(), members: this.#members, liars: this.#liars, beyond: this.#beyond },
      ...{ certificates: this.#judge.certificates, finalHeight: Math.max(...this.#heights().values()) },
      ...{ viewsEntered: this.#judge.viewsEntered, activations: this.#judge.activations },
      ...{
        conflicts: this.#judge.conflicts.length,
        named: this.#judge.named.size,
        frames: this.#world.frames,
      },
      ...{ faults: this.#world.faults, counters },
    }
  }
}
