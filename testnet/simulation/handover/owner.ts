import { Desk, type Proposal } from '../../../consensus/handover/desk.ts'
import type { Authority, Entity } from '../../../consensus/handover/id.ts'
import { encodeMessage } from '../../../consensus/handover/message.ts'
import { Words } from '../../../consensus/handover/words.ts'
import type { World } from '../finality/world.ts'
import { CertifiedLog, type Observer, type SimSeal } from './certified-log.ts'
import { DIRECTORY, type Directory } from './directory.ts'
import { decodeInput, type SimEstate } from './estate.ts'
import { encodeFinal, type Stage } from './finals.ts'
import { frames } from './frames.ts'
import { sendWord, type Weather } from './weather.ts'

export interface Around {
  readonly world: World
  readonly directory: Directory
  readonly observer: Observer
  readonly weather: Weather
  readonly capacity: number
}

const TURN_MS = 10
/** What is rarely recorded is disturbed more often. */
const RARENESS: Readonly<Record<string, number>> = { refuse: 80, unlock: 5, close: 60, inherit: 30 }

/** An authority with its leader of the moment, and all that can happen to it. */
export class Owner {
  readonly number: number
  readonly log: CertifiedLog
  readonly ancestors: readonly Authority[]
  isUp = true
  /** Its quorum is lost: nothing happens here. */
  isDark = false
  /** It shows its words before they are final, at this stage. */
  hasty: Exclude<Stage, 'anchored'> | undefined
  life = 0
  epoch = 0
  view = 0
  readonly refusals = new Map<string, number>()
  readonly counters = new Map<string, number>()
  readonly #around: Around
  #desk: Desk | undefined
  #proposals: Proposal[] = []
  #inputs: Uint8Array[] = []
  #inFlight: SimSeal | undefined
  #close: readonly Authority[] | undefined

  constructor(number: number, name: Authority, predecessors: readonly Authority[], around: Around) {
    this.number = number
    this.#around = around
    const { capacity, observer, directory } = around
    this.ancestors = directory.ancestorsOf(predecessors)
    this.log = new CertifiedLog(number, name, DIRECTORY, capacity, predecessors, observer)
    this.#lead()
    this.#turnLater()
  }

  found(fill: (estate: SimEstate) => void): void {
    this.log.found(fill)
  }

  /** Who is to follow, once the directory wants it to end. */
  get closing(): readonly Authority[] | undefined {
    return this.#close
  }

  closeFor(successors: readonly Authority[]): void {
    this.#close = successors
  }

  #lead(): void {
    this.#desk = new Desk(this.log.state, this.log.around, {
      nowMs: () => this.#around.world.nowMs,
      answersFor: this.#around.directory.answersFor,
      ...{ resendMs: 120, longestMs: 1000, patienceMs: 400 },
    })
  }

  /** The leader is gone, with all that it only remembered; nothing that was committed is lost. */
  crash(downMs: number): void {
    this.#endDesk()
    const { life } = this
    this.#around.world.after(downMs, () => {
      if (this.life === life && !this.isDark) this.#lead()
    })
  }

  #endDesk(): void {
    for (const [what, count] of this.#desk?.counters ?? [])
      this.counters.set(what, (this.counters.get(what) ?? 0) + count)
    this.#desk = undefined
    this.#proposals = []
    this.#inputs = []
    this.life++
  }

  /** A new view: any part of what is not certified vanishes. */
  changeView(kept: number): void {
    const { log } = this
    const from = log.certifiedLength
    this.#endDesk()
    this.view++
    log.cut(from + Math.floor((log.length - from) * kept))
    this.#lead()
  }

  goDark(): void {
    this.#endDesk()
    this.isDark = true
    this.log.cut(this.log.certifiedLength)
    this.log.seals = this.log.seals.filter(({ isCertified }) => isCertified)
  }

  /** The holders are back, or the directory re-forms it from some of them: at this seal, or at its newest one. */
  comeBack(base?: SimSeal): void {
    this.isDark = false
    this.view++
    if (base !== undefined) {
      this.epoch++
      this.log.cut(base.position)
      this.log.seals = this.log.seals.filter(
        ({ isCertified, height }) => isCertified && height <= base.height,
      )
    }
    this.#lead()
    const newest = this.log.seals.findLast(({ isCertified }) => isCertified)
    if (newest !== undefined) this.#submit(newest)
  }

  receive(_from: number, frame: Uint8Array): void {
    const desk = this.#desk
    if (desk === undefined) return
    if (frame[0] === frames.word) return desk.receive(frame.subarray(1))
    const bytes = frame.subarray(1)
    const { entity } = decodeInput(bytes)
    const answer = desk.input(entity, bytes)
    if (answer === 'here') this.#inputs.push(bytes)
    else if (answer === 'unknown') this.#tell(entity, undefined)
    else if (typeof answer === 'object') this.#tell(entity, answer.to)
  }

  #tell(entity: Entity, to: Authority | undefined): void {
    const number = to === undefined ? 0 : (this.#around.directory.owners.get(to)?.number ?? 0)
    this.onMoved(entity, number)
  }

  /** Where an entity's player is to send its inputs; 0 when that is not known here. */
  onMoved: (entity: Entity, number: number) => void = () => {}

  #turnLater(): void {
    const { world } = this.#around
    world.after(TURN_MS * (0.5 + world.random.fraction()), () => {
      this.#turn()
      this.#turnLater()
    })
  }

  #turn(): void {
    const desk = this.#desk
    if (desk === undefined || this.isDark) return
    desk.tick()
    this.#wander(desk)
    if (this.#close !== undefined && this.log.state.isOpen)
      this.#proposals.push({ record: { kind: 'close', successors: this.#close }, payload: undefined })
    this.#takeEffects(desk)
    this.#commit()
    if (this.#desk !== undefined) this.#seal(this.#desk)
  }

  /** Some entity walks over some border. */
  #wander(desk: Desk): void {
    const { world, weather, directory } = this.#around
    const { random } = world
    if (!this.log.state.isOpen || !random.chance(weather.lockRate)) return
    const entities = this.log.estate.entities()
    const others = directory.open.filter(({ number }) => number !== this.number)
    if (entities.length === 0 || others.length === 0) return
    for (let left = 1 + random.below(3); left > 0; left--) {
      const entity = entities[random.below(entities.length)]!
      const target = others[random.below(others.length)]!.log.self
      if (desk.mayLock(entity))
        this.#proposals.push({ record: { kind: 'lock', entity, target }, payload: undefined })
    }
  }

  #takeEffects(desk: Desk): void {
    const { world, directory } = this.#around
    const { propose, send, forward, fetch } = desk.takeEffects()
    this.#proposals.push(...propose)
    for (const { to, message } of send) this.#send(directory.owners.get(to), message)
    for (const { to, entity, inputs } of forward) {
      if (to === this.log.self) this.#inputs.push(...inputs)
      else if (to === undefined) this.#tell(entity, undefined)
      else {
        const number = directory.owners.get(to)!.number
        for (const input of inputs) world.send(this.number, number, frames.of('input', input))
      }
    }
    for (const predecessor of fetch) this.#fetch(predecessor)
  }

  #send(to: Owner | undefined, message: Uint8Array): void {
    if (to === undefined) return
    const { world, weather } = this.#around
    if (to === this) world.after(1, () => this.receive(this.number, frames.of('word', message)))
    else sendWord(world, weather, this.number, to.number, message)
  }

  /** From whoever holds it: now and then somebody serves something else. */
  #fetch(predecessor: Authority): void {
    const { world, directory, weather } = this.#around
    const { random } = world
    const left = directory.owners.get(predecessor)!
    if (!directory.hasEnded(predecessor)) return
    if (random.chance(weather.fetchLossRate)) return world.fault('fetch lost')
    const final = left.finalOf(left.log.anchored, 'anchored')
    const payload = [...left.log.left]
    if (random.chance(weather.tamperRate)) {
      world.fault('false payload')
      payload.splice(random.below(payload.length), 1)
    }
    this.#desk!.fetched(predecessor, final, directory.orderOf(predecessor), payload)
  }

  /** Some of what was proposed is committed now; after each record something can happen. */
  #commit(): void {
    for (const input of this.#inputs.splice(0)) this.log.commitInput(decodeInput(input))
    for (let proposal = this.#proposals.shift(); proposal !== undefined; proposal = this.#proposals.shift()) {
      const refusal = this.log.commit(proposal)
      if (refusal === undefined && this.#mishap(proposal.record.kind)) return
      if (refusal !== undefined) {
        const what = `${proposal.record.kind} ${refusal}`
        this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1)
      }
    }
  }

  #mishap(kind: string): boolean {
    const { world, weather } = this.#around
    const { random } = world
    const factor = RARENESS[kind] ?? 1
    if (random.chance(weather.crashRate * factor)) {
      world.fault(`crash after ${kind}`)
      this.crash(random.between(10, 300))
      return true
    }
    if (!random.chance(weather.cutRate * factor)) return false
    world.fault(`view change after ${kind}`)
    this.changeView(random.chance(0.5) ? 0 : random.fraction())
    return true
  }

  #seal(desk: Desk): void {
    const { log } = this
    const { world } = this.#around
    const isPending = this.#inFlight !== undefined && log.seals.includes(this.#inFlight)
    if (isPending || (log.isSealed && !desk.wantsSeal)) return
    const seal = log.seal(this.epoch)
    this.#inFlight = seal
    desk.marked(seal.height, key => log.prove(key))
    if (this.hasty !== undefined) this.#showEarly(seal, this.hasty)
    world.after(world.random.between(2, 8), () => this.#certify(seal))
  }

  #certify(seal: SimSeal): void {
    if (this.isDark || !this.log.seals.includes(seal)) return
    seal.isCertified = true
    if (this.#inFlight === seal) this.#inFlight = undefined
    this.#submit(seal)
  }

  #submit(seal: SimSeal): void {
    const { world, weather, directory } = this.#around
    const { epoch, life } = this
    const slowness = this.hasty === 'certified' ? 50 : 1
    world.after(slowness * weather.anchorMs * (0.3 + world.random.fraction()), () => {
      if (!directory.anchor(this, epoch, seal)) return
      if (this.life === life) this.#desk?.final(seal.height, this.finalOf(seal, 'anchored'))
    })
  }

  finalOf({ epoch, height, stateRoot }: SimSeal, stage: Stage): Uint8Array {
    const { ancestors } = this
    return encodeFinal({ authority: this.log.self, epoch, height, stateRoot, ancestors }, stage)
  }

  /** A leader that shows what is not final: nobody may act on it. */
  #showEarly(seal: SimSeal, stage: Exclude<Stage, 'anchored'>): void {
    const { world, directory } = this.#around
    world.fault(stage === 'none' ? 'shown uncertified' : 'shown unanchored')
    const words = new Words(this.log.self, this.log.state)
    words.marked(seal.height, key => this.log.prove(key))
    words.final(seal.height, this.finalOf(seal, stage), world.nowMs)
    for (const { word, id, shown } of words.due(world.nowMs)) {
      const named = word === 'locked' || word === 'released' ? id.target : id.source
      const message = encodeMessage({ word, isTired: false, id, shown })
      for (const to of directory.answersFor(named)) this.#send(directory.owners.get(to), message)
    }
  }
}
