import type { Cargo } from '../../../consensus/handover/cargo.ts'
import type { Entity } from '../../../consensus/handover/id.ts'
import type { Change } from '../../../consensus/handover/table.ts'
import type { Estate, Held } from '../../../consensus/handover/types.ts'
import { joinBytes, putU32, readU32 } from '../../../storage/bytes.ts'

export const ITEMS = 4
const entityKind = 0x65
const sessionKind = 0x70
const entityBytes = 16

/** What a player asks for: to take one item from somebody else, or to give one. */
export interface Input {
  readonly entity: Entity
  readonly seq: number
  readonly other: Entity
}

export const inputBytes = 2 * entityBytes + 4

export function encodeInput({ entity, seq, other }: Input): Uint8Array {
  const number = new Uint8Array(4)
  putU32(number, 0, seq)
  return joinBytes([Buffer.from(entity, 'hex'), Buffer.from(other, 'hex'), number])
}

export function decodeInput(bytes: Uint8Array): Input {
  const hex = Buffer.from(bytes).toString('hex')
  const half = 2 * entityBytes
  return { entity: hex.slice(0, half), other: hex.slice(half, 2 * half), seq: readU32(bytes, half) }
}

/** The digest of a session in which the inputs up to `seq` were applied, each once and in order. */
export function digestAfter(digest: number, seq: number): number {
  return (Math.imul(digest ^ seq, 0x9e3779b1) >>> 0) + 1
}

/** Entities with items, some of them with a session: small rules under which nothing is made and nothing vanishes. */
export class SimEstate implements Estate {
  readonly #states = new Map<Entity, Uint8Array>()
  readonly #sessions = new Map<Entity, Uint8Array>()
  readonly #changed = new Map<string, Change>()
  readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get size(): number {
    return this.#states.size
  }

  entities(): Entity[] {
    return [...this.#states.keys()]
  }

  has(entity: Entity): boolean {
    return this.#states.has(entity)
  }

  take(entity: Entity): Cargo | undefined {
    const state = this.#states.get(entity)
    if (state === undefined) return undefined
    const session = this.#sessions.get(entity) ?? new Uint8Array(0)
    this.#set(entityKind, entity, undefined)
    if (session.length > 0) this.#set(sessionKind, entity, undefined)
    return { state, session }
  }

  admits(_entity: Entity, { state }: Cargo): boolean {
    return state.length === 4 * ITEMS && this.size < this.capacity
  }

  put(entity: Entity, { state, session }: Cargo): void {
    this.#set(entityKind, entity, state)
    if (session.length > 0) this.#set(sessionKind, entity, session)
  }

  *held(entries: Iterable<Change>): Iterable<Held> {
    const states = new Map<Entity, Uint8Array>()
    const sessions = new Map<Entity, Uint8Array>()
    for (const { key, value } of entries) {
      if (key.length !== 1 + entityBytes || value === undefined) continue
      const entity = entityOf(key)
      if (key[0] === entityKind) states.set(entity, value)
      if (key[0] === sessionKind) sessions.set(entity, value)
    }
    for (const [entity, state] of states) {
      yield { entity, cargo: { state, session: sessions.get(entity) ?? new Uint8Array(0) } }
    }
  }

  heirOf({ entity }: Held, successors: number): number {
    return Number.parseInt(entity.slice(0, 2), 16) % successors
  }

  /** Whether it was the next of its session, and so was applied. */
  apply({ entity, seq, other }: Input): boolean {
    const session = this.#sessions.get(entity)
    if (session === undefined || !this.has(entity) || readU32(session, 0) + 1 !== seq) return false
    const after = new Uint8Array(8)
    putU32(after, 0, seq)
    putU32(after, 4, digestAfter(readU32(session, 4), seq))
    this.#set(sessionKind, entity, after)
    if (other !== entity && this.has(other)) this.#move(other, entity, seq % ITEMS)
    return true
  }

  #move(from: Entity, to: Entity, item: number): void {
    const giver = this.#states.get(from)!.slice()
    const taker = this.#states.get(to)!.slice()
    const has = readU32(giver, 4 * item)
    if (has === 0) return
    putU32(giver, 4 * item, has - 1)
    putU32(taker, 4 * item, readU32(taker, 4 * item) + 1)
    this.#set(entityKind, from, giver)
    this.#set(entityKind, to, taker)
  }

  /** Puts an entry back as it was. */
  restore(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#store(key[0] === entityKind ? this.#states : this.#sessions, entityOf(key), value)
  }

  takeChanges(): Change[] {
    const changes = [...this.#changed.values()]
    this.#changed.clear()
    return changes
  }

  #set(kind: number, entity: Entity, value: Uint8Array | undefined): void {
    this.#store(kind === entityKind ? this.#states : this.#sessions, entity, value)
    const key = joinBytes([Uint8Array.of(kind), Buffer.from(entity, 'hex')])
    this.#changed.set(`${kind}${entity}`, { key, value })
  }

  #store(map: Map<Entity, Uint8Array>, entity: Entity, value: Uint8Array | undefined): void {
    if (value === undefined) map.delete(entity)
    else map.set(entity, value)
  }
}

function entityOf(key: Uint8Array): Entity {
  return Buffer.from(key.buffer, key.byteOffset + 1, entityBytes).toString('hex')
}
