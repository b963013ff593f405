import {
  decodeEntity,
  decodeEvent,
  type EntityKind,
  type EntityView,
  type Position,
  positionAt,
  type WorldEvent,
} from '../../world/codec.ts'
import type { View as ViewMessage } from '../protocol/gateway.pb.js'
import { equalBytes } from '../protocol/session.ts'

interface Held {
  bytes: Uint8Array
  /** Undefined until somebody looks. */
  entity: EntityView | undefined
}

/** The first byte of an entity's bytes, by kind (world/codec). */
const KIND_BYTES: Record<EntityKind, number> = { character: 1, npc: 2, resource: 3, structure: 4 }
/** How far the tick is guessed past the last one heard. */
const MAX_AHEAD_TICKS = 20
/** A gateway shows at most a few hundred; who sends more is no gateway. */
const MAX_HELD = 4_096
/** How quickly the guess of the tick follows what is heard, and from where on it jumps. */
const FOLLOW = 0.1
const JUMP_MS = 500

/**
 * What a client sees. Entities are kept as bytes and decoded when looked at, so that a client that looks seldom pays
 * little. Positions follow from an entity's motion and the tick, between ticks too.
 */
export class View {
  /** Name of the area seen, or '' before the first view. */
  area = ''
  private readonly player: Uint8Array
  private readonly nowMs: () => number
  private readonly held = new Map<number, Held>()
  private readonly listeners = new Set<(event: WorldEvent) => void>()
  private ownHandle: number | undefined
  private lastTick = 0
  private tickMs = 100
  /** What has to be added to our clock to get the area's time; undefined before the first view. */
  private offsetMs: number | undefined

  constructor(player: Uint8Array, nowMs: () => number) {
    this.player = player
    this.nowMs = nowMs
  }

  /** How many entities are in sight. */
  get size(): number {
    return this.held.size
  }

  /** The area's tick now, with its fraction: it goes on evenly, though views come in jerks. */
  get tick(): number {
    if (this.offsetMs === undefined) return 0
    return Math.min(this.lastTick + MAX_AHEAD_TICKS, (this.nowMs() + this.offsetMs) / this.tickMs)
  }

  /** Everything in sight by id. Decodes what has changed; to look for a few, `ofKind` is cheaper. */
  get entities(): ReadonlyMap<string, EntityView> {
    const all = new Map<string, EntityView>()
    for (const held of this.held.values()) {
      const entity = decoded(held)
      if (entity !== undefined) all.set(entity.id, entity)
    }
    return all
  }

  /** Those of one kind, decoded one by one as the caller goes on. */
  *ofKind(kind: EntityKind): IterableIterator<EntityView> {
    const byte = KIND_BYTES[kind]
    for (const held of this.held.values()) {
      if (held.bytes[0] !== byte) continue
      const entity = decoded(held)
      if (entity !== undefined) yield entity
    }
  }

  /** The player's own character, once it is in sight. */
  get own(): EntityView | undefined {
    const known = this.ownHandle === undefined ? undefined : this.held.get(this.ownHandle)
    if (known !== undefined) return decoded(known)
    for (const [handle, held] of this.held) {
      if (held.bytes[0] !== KIND_BYTES.character) continue
      const entity = decoded(held)
      if (entity?.kind !== 'character' || !equalBytes(entity.player, this.player)) continue
      this.ownHandle = handle
      return entity
    }
    return undefined
  }

  /** Where an entity is now, in millimetres, moving smoothly between ticks. */
  positionOf(entity: EntityView): Position {
    const { tick } = this
    const before = positionAt(entity.motion, Math.floor(tick))
    const after = positionAt(entity.motion, Math.floor(tick) + 1)
    const part = tick - Math.floor(tick)
    return {
      xMm: before.xMm + (after.xMm - before.xMm) * part,
      yMm: before.yMm + (after.yMm - before.yMm) * part,
    }
  }

  /** Tells of what happens in sight. Returns what ends that. */
  onEvent(listener: (event: WorldEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  take(message: ViewMessage, areas: readonly { readonly name: string }[], tickMs: number): void {
    if (message.reset) this.held.clear()
    this.area = areas[message.area]?.name ?? this.area
    this.tickMs = tickMs
    this.hearTick(message.tick)
    for (const handle of message.gone) this.held.delete(handle)
    for (const { handle, entity } of message.seen) {
      if (entity !== undefined && this.held.size < MAX_HELD)
        this.held.set(handle, { bytes: entity, entity: undefined })
    }
    if (this.listeners.size === 0) return
    for (const bytes of message.events) {
      const event = decodeEvent(bytes)
      if (event !== undefined) for (const listener of this.listeners) listener(event)
    }
  }

  private hearTick(tick: number): void {
    this.lastTick = tick
    const heard = tick * this.tickMs - this.nowMs()
    const off = this.offsetMs === undefined ? JUMP_MS : heard - this.offsetMs
    this.offsetMs = Math.abs(off) >= JUMP_MS ? heard : this.offsetMs! + off * FOLLOW
  }

  /** A new link numbers its handles anew. */
  forget(): void {
    this.held.clear()
    this.ownHandle = undefined
  }
}

function decoded(held: Held): EntityView | undefined {
  held.entity ??= decodeEntity(held.bytes)
  return held.entity
}
