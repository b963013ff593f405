import type { Authority } from '../../../consensus/handover/id.ts'
import { putU32 } from '../../../storage/bytes.ts'
import { sha256 } from '../../../storage/sha256.ts'
import { World } from '../finality/world.ts'
import type { SimRandom } from '../random.ts'
import type { SimSeal } from './certified-log.ts'
import { authorityNamed, Directory } from './directory.ts'
import { ITEMS } from './estate.ts'
import { frames } from './frames.ts'
import { Judge, Violation } from './judge.ts'
import { Owner } from './owner.ts'
import { Player } from './player.ts'
import { falseHeir, type Weather } from './weather.ts'

const FAULTS_MS = 12_000
const PEACE_MS = 40_000
const LOOK_MS = 250
const MOST_OPEN = 6

export interface HandoverResult {
  readonly trace: string
  /** Those whose release is final. */
  readonly handovers: number
  readonly inputs: number
  readonly authorities: number
  readonly messages: number
  /** Final records, by kind. */
  readonly records: ReadonlyMap<string, number>
  readonly faults: ReadonlyMap<string, number>
  /** What records changed nothing, and why; what desks did not act on. */
  readonly refusals: ReadonlyMap<string, number>
}

/** Some authorities, 12 virtual seconds of faults, then peace, in which everything has to come to rest. */
export function runHandover({ seed }: { readonly seed: number }): HandoverResult {
  return new Run(seed).run()
}

class Run {
  readonly #world: World
  readonly #random: SimRandom
  readonly #judge = new Judge()
  readonly #directory = new Directory()
  readonly #players = new Map<string, Player>()
  readonly #weather: Weather
  readonly #entities: readonly string[]
  readonly #capacity: number
  #made = 0

  constructor(seed: number) {
    this.#world = new World(seed)
    this.#random = this.#world.random.fork('plan')
    const random = this.#random
    const count = 8 + random.below(24)
    this.#entities = Array.from({ length: count }, (_, i) =>
      Buffer.from(sha256(Buffer.from(`entity ${i} of ${seed}`)).subarray(0, 16)).toString('hex'),
    )
    this.#capacity = random.chance(0.3) ? Math.ceil(count / 2) + 1 : count
    this.#weather = {
      crashRate: random.chance(0.7) ? 0.01 * random.fraction() : 0,
      cutRate: random.chance(0.7) ? 0.01 * random.fraction() : 0,
      ...{ lateRate: 0.02 * random.fraction(), noiseRate: 0.01 * random.fraction() },
      ...{ fetchLossRate: 0.3, tamperRate: 0.5, anchorMs: [4, 15, 60][random.below(3)]! },
      lockRate: 0.2 + 0.6 * random.fraction(),
    }
    const first = 2 + random.below(3)
    for (let i = 0; i < first; i++) this.#bear([])
    this.#found()
  }

  #bear(predecessors: readonly Authority[]): Owner {
    const number = ++this.#made
    const owner = new Owner(number, authorityNamed(number), predecessors, {
      ...{ world: this.#world, directory: this.#directory, observer: this.#judge },
      ...{ weather: this.#weather, capacity: this.#capacity },
    })
    owner.onMoved = (entity, to) => {
      this.#world.after(2, () => this.#players.get(entity)?.moved(to))
    }
    this.#directory.owners.set(owner.log.self, owner)
    this.#judge.watch(owner.log)
    this.#world.parties.set(number, owner)
    return owner
  }

  #found(): void {
    const owners = [...this.#directory.owners.values()]
    for (const [place, owner] of owners.entries()) {
      const mine = this.#entities.filter((_, i) => i % owners.length === place)
      owner.found(estate => {
        for (const [i, entity] of mine.entries()) {
          const state = new Uint8Array(4 * ITEMS)
          for (let item = 0; item < ITEMS; item++) putU32(state, 4 * item, this.#random.below(10))
          estate.put(entity, { state, session: new Uint8Array(i % 2 === 0 ? 8 : 0) })
          if (i % 2 === 0) this.#players.set(entity, this.#player(entity, owner.number))
        }
      })
    }
    this.#judge.founded()
  }

  #player(entity: string, at: number): Player {
    return new Player(entity, at, this.#entities, this.#world, this.#directory, this.#judge)
  }

  run(): HandoverResult {
    this.#disturb()
    this.#world.runUntil(FAULTS_MS)
    this.#calm()
    const untilMs = this.#world.nowMs + PEACE_MS
    while (this.#world.nowMs < untilMs && this.#unrest() !== undefined)
      this.#world.runUntil(this.#world.nowMs + LOOK_MS)
    const unrest = this.#unrest()
    if (unrest !== undefined) throw new Violation(`After ${PEACE_MS} ms of peace ${unrest}.`)
    return this.#result()
  }

  #disturb(): void {
    const { links } = this.#world
    const random = this.#random
    links.lossRate = random.chance(0.7) ? 0.1 * random.fraction() : 0
    links.duplicateRate = 0.1 * random.fraction()
    links.jitterMs = [2, 20, 150][random.below(3)]!
    const count = 6 + random.below(10)
    for (let i = 0; i < count; i++)
      this.#world.after(300 + random.fraction() * (FAULTS_MS - 1500), () => this.#fault())
  }

  #fault(): void {
    const random = this.#random
    const owners = this.#directory.open.filter(({ isDark }) => !isDark)
    const owner = owners[random.below(owners.length)]
    if (owner === undefined) return
    switch (random.below(13)) {
      case 0:
        this.#world.fault('leader crashes')
        return owner.crash(random.between(10, 800))
      case 1:
        this.#world.fault('view change')
        return owner.changeView(random.fraction())
      case 2:
        return this.#bothCrash(owner)
      case 3:
        return this.#cut(owners)
      case 4:
      case 5:
        return this.#darken(owner)
      case 6:
      case 7:
        return this.#split(owner)
      case 8:
        return this.#merge(owner, owners)
      case 9:
        return this.#directoryCut()
      case 10:
        return this.#lie(owner)
      default:
        return this.#hasten(owner)
    }
  }

  /** Source and target of a handover that is under way. */
  #bothCrash(owner: Owner): void {
    const [lock] = owner.log.state.locks.entries()
    const target = lock && this.#directory.owners.get(this.#directory.answersFor(lock.key.target)[0]!)
    if (target === undefined || target.isDark) return
    this.#world.fault('both leaders lost')
    for (const one of [owner, target]) {
      if (this.#random.chance(0.5)) one.changeView(0)
      one.crash(this.#random.between(10, 800))
    }
  }

  /** What it shows too early is lost soon after. */
  #hasten(owner: Owner): void {
    const random = this.#random
    owner.hasty = random.chance(0.5) ? 'none' : 'certified'
    this.#world.after(random.between(30, 400), () => {
      if (owner.isDark) return
      if (owner.hasty === 'none') owner.changeView(0)
      else this.#reform(owner, owner.log.anchored)
      owner.hasty = undefined
    })
  }

  /** Somebody says that it succeeds the target, and how it has decided. */
  #lie({ log, number }: Owner): void {
    const [lock] = log.state.locks.entries()
    if (lock === undefined) return
    this.#world.fault('false heir')
    const word = this.#random.chance(0.5) ? 'accepted' : 'declined'
    this.#world.send(0, number, frames.of('word', falseHeir(word, lock.key)))
  }

  #directoryCut(): void {
    this.#world.fault('directory cut')
    const { anchorMs } = this.#weather
    this.#weather.anchorMs = 1000
    this.#world.after(this.#random.between(500, 2000), () => {
      this.#weather.anchorMs = Math.min(anchorMs, this.#weather.anchorMs)
    })
  }

  #cut(owners: readonly Owner[]): void {
    this.#world.fault('cut')
    this.#world.cut(owners.filter(() => this.#random.chance(0.5)).map(({ number }) => number))
    this.#world.after(this.#random.between(200, 2000), () => this.#world.cut([]))
  }

  #darken(owner: Owner): void {
    const random = this.#random
    const { log } = owner
    this.#world.fault('quorum lost')
    owner.goDark()
    this.#world.after(random.between(50, 1500), () => {
      if (!owner.isDark) return
      const isReady = log.state.awaited.size === 0 && log.anchored.height > 0
      if (isReady && random.chance(0.3)) return this.#declareDead(owner)
      const bases = [log.anchored, ...log.seals]
      if (random.chance(0.7)) return this.#reform(owner, bases[random.below(bases.length)]!)
      this.#world.fault('holders return')
      owner.comeBack()
    })
  }

  #reform(owner: Owner, base: SimSeal): void {
    this.#world.fault('re-formed')
    if (!owner.isDark) owner.goDark()
    if (base.position < owner.log.length) this.#world.fault('certified records lost')
    owner.comeBack(base)
  }

  #declareDead(owner: Owner): void {
    this.#world.fault('declared dead')
    const { log } = owner
    log.cut(log.anchored.position)
    const closed = log.state.closed.get('') ?? owner.closing ?? [this.#bear([log.self]).log.self]
    this.#directory.end(owner, closed)
  }

  #split(owner: Owner): void {
    if (owner.closing !== undefined || this.#directory.open.length >= MOST_OPEN) return
    this.#world.fault('split')
    const halves = [this.#bear([owner.log.self]), this.#bear([owner.log.self])]
    owner.closeFor(halves.map(({ log }) => log.self))
  }

  #merge(owner: Owner, owners: readonly Owner[]): void {
    const siblings = owners.filter(({ closing }) => closing === undefined)
    const other = siblings[this.#random.below(siblings.length)]
    if (owner.closing !== undefined || other === undefined || other === owner) return
    this.#world.fault('merge')
    const one = this.#bear([owner.log.self, other.log.self]).log.self
    owner.closeFor([one])
    other.closeFor([one])
  }

  #calm(): void {
    const { links } = this.#world
    links.lossRate = 0
    links.duplicateRate = 0
    links.jitterMs = 5
    this.#world.cut([])
    Object.assign(this.#weather, { crashRate: 0, cutRate: 0, lateRate: 0, noiseRate: 0 })
    Object.assign(this.#weather, { fetchLossRate: 0, tamperRate: 0, lockRate: 0, anchorMs: 4 })
    for (const player of this.#players.values()) player.goal = player.made
  }

  /** What is not at rest yet. */
  #unrest(): string | undefined {
    for (const [name, owner] of this.#directory.owners) {
      const { log, number, isDark, closing } = owner
      if (this.#directory.hasEnded(name)) continue
      if (isDark) return `a${number} is dark`
      if (closing !== undefined) return `a${number} has not ended`
      const { locks, released, accepts, awaited } = log.state
      const open = [locks, released, accepts, awaited].map(({ size }) => size)
      if (open.some(size => size > 0))
        return `a${number} has ${open[0]} locks, ${open[1]} releases, ${open[2]} accepts, and awaits ${open[3]}`
      if (!log.isSealed || log.seals.length > 0) return `a${number} has records that are not final`
    }
    const late = [...this.#players.values()].find(({ isDone }) => !isDone)
    return late && `an input of entity ${late.entity.slice(0, 6)} is not final`
  }

  #result(): HandoverResult {
    const owners = [...this.#directory.owners.values()]
    const refusals = new Map<string, number>()
    for (const { refusals: own, counters } of owners) {
      for (const [what, count] of [...own, ...counters]) refusals.set(what, (refusals.get(what) ?? 0) + count)
    }
    refusals.set('stale certificate', this.#directory.staleCertificates)
    return {
      ...{ trace: this.#world.trace(), handovers: this.#judge.handovers, authorities: owners.length },
      ...{ inputs: this.#judge.finalRecords.get('input') ?? 0, messages: this.#world.frames },
      ...{ records: this.#judge.finalRecords, faults: this.#world.faults, refusals },
    }
  }
}
