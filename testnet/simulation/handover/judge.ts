import { readU32 } from '../../../storage/bytes.ts'
import type { CertifiedLog, Committed, Observer } from './certified-log.ts'
import { digestAfter, ITEMS } from './estate.ts'

/** Something happened that must not. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

interface Place {
  readonly state: Uint8Array | undefined
  readonly session: Uint8Array | undefined
}

/** Where an entity is, by all logs' newest records. */
interface Entity {
  /** By the log that owns it. */
  readonly owned: Map<number, { state: Uint8Array | undefined; session: Uint8Array | undefined }>
  /** By log and id. */
  readonly locked: Map<string, Place & { readonly id: string }>
  items: readonly number[]
}

const kinds = { entity: 'e', session: 'p', lock: 'hl', accept: 'ha' } as const
const none: readonly number[] = new Array<number>(ITEMS).fill(0)

/**
 * Reads every change of every log by itself, and holds after each that every entity is in one place: owned by one log, or
 * locked in one under an id that nobody has accepted. Items are conserved, and sessions go on where they were.
 */
export class Judge implements Observer {
  readonly #entities = new Map<string, Entity>()
  /** In how many logs an id has an accept. */
  readonly #accepts = new Map<string, number>()
  /** By entity: the last seq that is final. */
  readonly #finals = new Map<string, number>()
  readonly #digests: number[] = [0]
  readonly #logs = new Map<string, CertifiedLog>()
  #touched = new Set<string>()
  #change: number[] = [...none]
  /** False once everything was put where it is at first. */
  #isFounding = true
  readonly finalRecords = new Map<string, number>()

  watch(log: CertifiedLog): void {
    this.#logs.set(log.self, log)
  }

  founded(): void {
    this.#isFounding = false
  }

  finalSeq(entity: string): number {
    return this.#finals.get(entity) ?? 0
  }

  get handovers(): number {
    return this.finalRecords.get('release') ?? 0
  }

  committed(log: CertifiedLog, { what, steps }: Committed): void {
    for (const { key, before, after } of steps) this.#step(log.number, key, before, after)
    if (what.kind === 'inherit') this.#handOn(log, what.predecessor, true)
    this.#check(log, what.kind)
  }

  undone(log: CertifiedLog, { what, steps }: Committed): void {
    for (const { key, before, after } of steps.toReversed()) this.#step(log.number, key, after, before)
    if (what.kind === 'inherit') this.#handOn(log, what.predecessor, false)
    this.#check(log, `undoing ${what.kind}`)
  }

  final(log: CertifiedLog, records: readonly Committed[]): void {
    for (const { what } of records) {
      this.finalRecords.set(what.kind, (this.finalRecords.get(what.kind) ?? 0) + 1)
      if (what.kind !== 'input') continue
      const { entity, seq } = what.input
      const last = this.finalSeq(entity)
      if (seq !== last + 1) fail(log, 'input', `input ${seq} of ${short(entity)} is final after ${last}`)
      this.#finals.set(entity, seq)
    }
  }

  /** What an ended log leaves to this successor is the successor's now, and not twice there. */
  #handOn(heir: CertifiedLog, predecessor: string, isGiven: boolean): void {
    const log = this.#logs.get(predecessor)!
    for (const { key, value } of log.left) {
      const entity = entityIn(key, value!)
      if (entity === undefined || log.heirOf(entity) !== heir.self) continue
      if (isGiven) this.#step(log.number, key, value, undefined)
      else this.#step(log.number, key, undefined, value)
    }
  }

  #step(log: number, key: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const text = Buffer.from(key).toString('latin1')
    if (text.startsWith(kinds.lock)) this.#lock(log, text.slice(2), before, after)
    else if (text.startsWith(kinds.accept)) this.#accept(text.slice(2), before, after)
    else if (text.startsWith(kinds.entity)) this.#own(log, key, { state: after })
    else if (text.startsWith(kinds.session)) this.#own(log, key, { session: after })
  }

  #own(
    log: number,
    key: Uint8Array,
    part: { state?: Uint8Array | undefined; session?: Uint8Array | undefined },
  ): void {
    const { owned } = this.#entity(hex(key.subarray(1)))
    const held = { ...{ state: undefined, session: undefined }, ...owned.get(log), ...part }
    if (held.state === undefined && held.session === undefined) owned.delete(log)
    else owned.set(log, held)
  }

  #lock(log: number, id: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const { locked } = this.#entity(hex((after ?? before)!.subarray(0, 16)))
    if (after === undefined) {
      locked.delete(`${log} ${id}`)
      return
    }
    const stateLength = readU32(after, 16)
    const state = after.subarray(20, 20 + stateLength)
    locked.set(`${log} ${id}`, { id, state, session: after.subarray(24 + stateLength) })
  }

  #accept(id: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    this.#entity(hex((after ?? before)!))
    const change = (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    this.#accepts.set(id, (this.#accepts.get(id) ?? 0) + change)
  }

  #entity(name: string): Entity {
    this.#touched.add(name)
    let entity = this.#entities.get(name)
    if (entity === undefined) {
      entity = { owned: new Map(), locked: new Map(), items: none }
      this.#entities.set(name, entity)
    }
    return entity
  }

  #check(log: CertifiedLog, after: string): void {
    for (const name of this.#touched) this.#checkEntity(log, after, name)
    this.#touched = new Set()
    if (this.#isFounding) this.#change = [...none]
    const made = this.#change.findIndex(change => change !== 0)
    if (made >= 0) fail(log, after, `there are ${this.#change[made]} more of item ${made} in the world`)
  }

  #checkEntity(log: CertifiedLog, after: string, name: string): void {
    const entity = this.#entities.get(name)!
    const open = [...entity.locked.values()].filter(({ id }) => (this.#accepts.get(id) ?? 0) === 0)
    const places: Place[] = [...entity.owned.values(), ...open]
    if (places.length !== 1) {
      const owners = [...entity.owned.keys()].map(number => `a${number}`)
      fail(
        log,
        after,
        `${short(name)} is in ${places.length} places: owned by [${owners}], ${open.length} open locks`,
      )
    }
    const { state, session } = places[0]!
    if (state === undefined) return fail(log, after, `${short(name)} has a session and no state`)
    const items = none.map((_, item) => readU32(state, 4 * item))
    for (let item = 0; item < ITEMS; item++) this.#change[item]! += items[item]! - entity.items[item]!
    entity.items = items
    this.#checkSession(log, after, name, session)
  }

  #checkSession(log: CertifiedLog, after: string, name: string, session: Uint8Array | undefined): void {
    const isPlayed = session !== undefined && session.length > 0
    const seq = isPlayed ? readU32(session, 0) : 0
    if (seq < this.finalSeq(name))
      fail(log, after, `${short(name)} is at input ${seq}, and ${this.finalSeq(name)} is final`)
    if (isPlayed && readU32(session, 4) !== this.#digest(seq))
      fail(log, after, `${short(name)} has not applied 1 to ${seq} once each and in order`)
  }

  #digest(seq: number): number {
    for (let next = this.#digests.length; next <= seq; next++) {
      this.#digests.push(digestAfter(this.#digests[next - 1]!, next))
    }
    return this.#digests[seq]!
  }
}

/** The entity that an entry is about, if it stands for a place. */
function entityIn(key: Uint8Array, value: Uint8Array): string | undefined {
  const kind = Buffer.from(key.subarray(0, 2)).toString('latin1')
  if (kind === kinds.lock) return hex(value.subarray(0, 16))
  const isOwn = kind[0] === kinds.entity || kind[0] === kinds.session
  return isOwn ? hex(key.subarray(1)) : undefined
}

function fail(log: CertifiedLog, after: string, what: string): never {
  throw new Violation(`a${log.number}, ${after}: ${what}.`)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

function short(entity: string): string {
  return `entity ${entity.slice(0, 6)}`
}
