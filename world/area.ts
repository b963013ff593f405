import { Away } from './away.ts'
import type { AreaCharter } from './charter.ts'
import { asciiBytes, binaryString, compareBytes, hexOf, ID_BYTES, startsWith } from './codec/bytes.ts'
import { encodeEntity } from './codec/entity.ts'
import { encodeEvent, type WorldEvent } from './codec/event.ts'
import { logTagOf, PLAYER_BYTES } from './codec/input.ts'
import {
  type AreaHeader,
  encodeHeader,
  encodePlayer,
  entityKey,
  HEADER_KEY,
  type PlayerRecord,
  playerKey,
} from './codec/state.ts'
import { Draw, seedWords } from './draw.ts'
import { type Due, DueQueue } from './due-queue.ts'
import { type Actor, type Character, type Entity, isActor, type Npc } from './entity.ts'
import type { DirtyEntry, WorldHost } from './interface.ts'
import { IDLE_TICKS, NPC_THINK_TICKS, RESOURCE_HALF_MM, STRUCTURES } from './limits.ts'
import { isLeaning, isMoving } from './motion.ts'
import { StaticGrid } from './static-grid.ts'
import { RULES_VERSION } from './version.ts'

/** A power of two. */
const LAST_SEEN = 1024

/** An entity with what is kept beside it and follows from it. */
export interface Slot<E extends Entity = Entity> extends Due {
  readonly entity: E
  encoded: Uint8Array | undefined
  /** The record that last changed it, so that a record names it once. */
  changedBy: number
  dirty: boolean
  /** Whether `takeDirty` (or the state restored from) has told of it. */
  stored: boolean
}

/** A player with sessions here. Due when the character may have been idle for too long. */
export interface PlayerSlot extends Due {
  /** Binary string of the player's public key. */
  readonly key: string
  readonly record: PlayerRecord
  readonly character: Slot<Character>
  /** Of the log that its session was opened in, when that is another one. */
  logTag: Uint8Array | undefined
  dirty: boolean
}

/** All state of one area, and the one record being applied to it. Holds no rule. */
export class Area {
  readonly host: WorldHost
  readonly charter: AreaCharter
  tick = 0
  timeMs = 0
  awake = 0
  readonly counts = { character: 0, npc: 0, resource: 0, structure: 0 }
  readonly slots = new Map<string, Slot>()
  readonly players = new Map<string, PlayerSlot>()
  /** By some bits of the key: to compare 32 bytes is much cheaper than to make and look up a string. */
  private readonly lastSeen: (PlayerSlot | undefined)[] = new Array(LAST_SEEN).fill(undefined)
  readonly due = new DueQueue<Slot>()
  readonly idle = new DueQueue<PlayerSlot>()
  readonly grid = new StaticGrid()
  /** NPCs by the tick, modulo `NPC_THINK_TICKS`, at which they think; each in id order. */
  readonly thinkers: Slot<Npc>[][] = Array.from({ length: NPC_THINK_TICKS }, () => [])

  /** Characters that waited at the border when they were last looked at. */
  readonly atBorder = new Set<Slot<Character>>()
  readonly away = new Away()

  changed: readonly string[] = NOTHING
  removed: readonly string[] = NOTHING
  events: readonly Uint8Array[] = NOTHING
  leaf = 0
  private recordNumber = 0
  private ordinal = 0
  private seed: Uint32Array | undefined

  private headerDirty = false
  private dirtyEntities: string[] = []
  private removedEntities: string[] = []
  private dirtyPlayers: PlayerSlot[] = []
  private removedPlayers: string[] = []

  constructor(host: WorldHost, charter: AreaCharter) {
    this.host = host
    this.charter = charter
  }

  beginRecord(leaf: number): void {
    this.leaf = leaf
    this.recordNumber++
    this.ordinal = 0
    this.seed = undefined
    this.changed = NOTHING
    this.removed = NOTHING
    this.events = NOTHING
  }

  emit(event: WorldEvent): void {
    this.events = added(this.events, encodeEvent(event))
  }

  newId(): string {
    return idOf(this.host, this.host.origin, this.leaf, this.ordinal++)
  }

  birth(): { id: string; birthOrigin: string; birthLeaf: number } {
    return { id: this.newId(), birthOrigin: this.host.origin, birthLeaf: this.leaf }
  }

  /** A stream of its own for each (leaf, entity): draws of one don't depend on how many others drew. */
  drawFor(entity: { readonly id: string }): Draw {
    this.seed ??= seedWords(
      this.host.sha256(asciiBytes(`freehold/draw/1\n${this.host.origin}\n${this.leaf}`)),
    )
    return new Draw(
      this.seed,
      Number.parseInt(entity.id.slice(0, 8), 16),
      Number.parseInt(entity.id.slice(8, 16), 16),
    )
  }

  add<E extends Entity>(entity: E): Slot<E> {
    const slot = this.link(entity)
    this.touch(slot)
    this.headerDirty = true
    return slot
  }

  /** Call after every change of an entity. */
  touch(slot: Slot): void {
    slot.encoded = undefined
    if (slot.changedBy !== this.recordNumber) {
      slot.changedBy = this.recordNumber
      this.changed = added(this.changed, slot.entity.id)
    }
    if (!slot.dirty) {
      slot.dirty = true
      this.dirtyEntities.push(slot.entity.id)
    }
    this.due.schedule(slot, dueTickOf(slot.entity))
  }

  /** Only what is not in the grid and is no NPC: what the dead left. */
  remove(slot: Slot): void {
    const { id, kind } = slot.entity
    this.due.remove(slot)
    this.slots.delete(id)
    this.counts[kind]--
    this.removed = added(this.removed, id)
    if (slot.changedBy === this.recordNumber) this.changed = this.changed.filter(other => other !== id)
    if (slot.stored) this.removedEntities.push(id)
    this.headerDirty = true
  }

  /** A character leaves with its player's record. For those who look it stays, until it is somebody else's. */
  removeCharacter(player: PlayerSlot): void {
    const { key, character } = player
    const { id, awake } = character.entity
    this.away.locked(id, { player: key, bytes: this.encoded(character) })
    this.touch(character)
    this.due.remove(character)
    this.idle.remove(player)
    this.slots.delete(id)
    this.players.delete(key)
    this.lastSeen.fill(undefined)
    this.atBorder.delete(character)
    this.counts.character--
    if (awake) this.awake--
    if (character.stored) this.removedEntities.push(id)
    this.removedPlayers.push(key)
    this.dirtyPlayers = this.dirtyPlayers.filter(other => other !== player)
    this.headerDirty = true
  }

  /** A character comes in with its player's record, or is back. */
  putCharacter(entity: Character, record: PlayerRecord): void {
    const { id } = entity
    const key = binaryString(entity.player, 0, PLAYER_BYTES)
    this.away.unlocked(id)
    this.away.forget(key)
    const isTold = !this.removedEntities.includes(id)
    const slot = this.add(entity)
    slot.stored = !isTold
    this.dirtyEntities = [...new Set(this.dirtyEntities)]
    this.removedEntities = this.removedEntities.filter(other => other !== id)
    this.removedPlayers = this.removedPlayers.filter(other => other !== key)
    this.addPlayer(key, record, slot)
    if (isLeaning(entity.motion)) this.atBorder.add(slot)
  }

  /** It is somebody else's from now on: nobody sees it here any more. */
  letGo(id: string): void {
    this.away.unlocked(id)
    this.removed = added(this.removed, id)
  }

  actor(id: string): Slot<Actor> | undefined {
    const slot = this.slots.get(id)
    return slot && isActor(slot.entity) ? (slot as Slot<Actor>) : undefined
  }

  /** The player whose key these bytes begin with. */
  playerOf(bytes: Uint8Array): PlayerSlot | undefined {
    const place = (bytes[0]! | (bytes[1]! << 8)) & (LAST_SEEN - 1)
    const last = this.lastSeen[place]
    if (last !== undefined && startsWith(bytes, 0, last.character.entity.player)) return last
    const player = this.players.get(binaryString(bytes, 0, PLAYER_BYTES))
    this.lastSeen[place] = player
    return player
  }

  addPlayer(key: string, record: PlayerRecord, character: Slot<Character>): PlayerSlot {
    const player = this.linkPlayer(key, record, character)
    this.touchPlayer(player)
    return player
  }

  touchPlayer(player: PlayerSlot): void {
    if (player.dirty) return
    player.dirty = true
    this.dirtyPlayers.push(player)
  }

  touchHeader(): void {
    this.headerDirty = true
  }

  setAwake(player: PlayerSlot, awake: boolean): void {
    const { entity } = player.character
    if (entity.awake === awake) return
    entity.awake = awake
    this.awake += awake ? 1 : -1
    this.idle.schedule(player, awake ? this.tick + IDLE_TICKS : Number.POSITIVE_INFINITY)
    this.touch(player.character)
  }

  header(): AreaHeader {
    const { character, npc, resource, structure } = this.counts
    return {
      rulesVersion: RULES_VERSION,
      tick: this.tick,
      timeMs: this.timeMs,
      characters: character,
      npcs: npc,
      resources: resource,
      structures: structure,
    }
  }

  encoded(slot: Slot): Uint8Array {
    slot.encoded ??= encodeEntity(slot.entity)
    return slot.encoded
  }

  /** In key order. What was made and removed since the last call is not told of. */
  takeDirty(): DirtyEntry[] {
    const result: DirtyEntry[] = []
    if (this.headerDirty) result.push({ key: HEADER_KEY, value: encodeHeader(this.header()) })
    const alive = this.dirtyEntities.filter(id => this.slots.has(id))
    for (const id of alive.concat(this.removedEntities).sort()) {
      const slot = this.slots.get(id)
      result.push({ key: entityKey(id), value: slot && this.encoded(slot) })
      if (!slot) continue
      slot.dirty = false
      slot.stored = true
    }
    for (const player of this.dirtyPlayers.sort((a, b) => (a.key < b.key ? -1 : 1))) {
      result.push({ key: playerKey(player.key), value: encodePlayer(player.record) })
      player.dirty = false
    }
    const gone = this.removedPlayers.map(key => ({ key: playerKey(key), value: undefined }))
    const forwards = this.away.takeDirty()
    if (gone.length + forwards.length > 0) {
      result.push(...gone, ...forwards)
      result.sort((a, b) => compareBytes(a.key, b.key))
    }
    this.headerDirty = false
    this.dirtyEntities = []
    this.removedEntities = []
    this.dirtyPlayers = []
    this.removedPlayers = []
    return result
  }

  /** Puts an entity in its place without calling it changed: a restore does only this. */
  link<E extends Entity>(entity: E): Slot<E> {
    const slot: Slot<E> = {
      entity,
      dueId: entity.id,
      dueTick: Number.POSITIVE_INFINITY,
      dueIndex: -1,
      encoded: undefined,
      changedBy: -1,
      dirty: false,
      stored: false,
    }
    this.slots.set(entity.id, slot)
    this.counts[entity.kind]++
    this.due.schedule(slot, dueTickOf(entity))
    this.index(slot)
    return slot
  }

  linkPlayer(key: string, record: PlayerRecord, character: Slot<Character>): PlayerSlot {
    const player: PlayerSlot = {
      key,
      record,
      character,
      logTag: record.log === undefined ? undefined : logTagOf(record.log, bytes => this.host.sha256(bytes)),
      dueId: record.character,
      dueTick: Number.POSITIVE_INFINITY,
      dueIndex: -1,
      dirty: false,
    }
    this.players.set(key, player)
    if (character.entity.awake) {
      this.awake++
      this.idle.schedule(player, record.lastInputTick + IDLE_TICKS)
    }
    return player
  }

  private index(slot: Slot): void {
    const { entity } = slot
    const { id, motion } = entity
    if (entity.kind === 'npc') {
      const group = this.thinkers[Number.parseInt(id.slice(0, 8), 16) % NPC_THINK_TICKS]!
      const at = group.findIndex(other => other.entity.id > id)
      group.splice(at < 0 ? group.length : at, 0, slot as Slot<Npc>)
    }
    if (entity.kind === 'structure') {
      const { halfMm } = STRUCTURES[entity.structure]!
      this.grid.add({ id, xMm: motion.xMm, yMm: motion.yMm, halfMm })
    }
    if (entity.kind === 'resource' && entity.expiresTick === 0) {
      this.grid.add({ id, xMm: motion.xMm, yMm: motion.yMm, halfMm: RESOURCE_HALF_MM })
    }
  }
}

/** An entity's name for all time: SHA-256(origin ‖ leaf ‖ ordinal in that record) of its birth. */
export function idOf(
  { sha256 }: Pick<WorldHost, 'sha256'>,
  origin: string,
  leaf: number,
  ordinal: number,
): string {
  const bytes = new Uint8Array(origin.length + 10)
  bytes.set(asciiBytes(origin))
  const view = new DataView(bytes.buffer, origin.length)
  view.setBigUint64(0, BigInt(leaf))
  view.setUint16(8, ordinal)
  return hexOf(sha256(bytes), 0, ID_BYTES)
}

/** Most records have nothing of a kind to tell: they share this, and a list is made for the first thing. */
const NOTHING: readonly never[] = []

function added<T>(list: readonly T[], item: T): readonly T[] {
  if (list.length === 0) return [item]
  ;(list as T[]).push(item)
  return list
}

function dueTickOf(entity: Entity): number {
  if (entity.kind === 'structure') return Number.POSITIVE_INFINITY
  if (entity.kind === 'resource') return entity.expiresTick || Number.POSITIVE_INFINITY
  let tick = isMoving(entity.motion) ? entity.motion.untilTick : Number.POSITIVE_INFINITY
  if (entity.strike && entity.strike.landTick < tick) tick = entity.strike.landTick
  if (entity.respawnTick > 0 && entity.respawnTick < tick) tick = entity.respawnTick
  return tick
}
