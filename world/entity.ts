import type { ITEMS } from './limits.ts'
import type { Motion } from './motion.ts'

/** Lower-case hex of the first 16 bytes of SHA-256(origin ‖ u64 leaf ‖ u16 ordinal): the birth, so it never comes back. */
export type EntityId = string

export type Item = (typeof ITEMS)[number]

interface Common {
  readonly id: EntityId
  readonly birthOrigin: string
  readonly birthLeaf: number
  motion: Motion
}

/** A strike in the air: decided when it was announced, kept by who struck, and nothing takes it back. */
export interface Strike {
  readonly target: EntityId
  readonly landTick: number
  readonly hit: boolean
  /** Index into `PLACES`. */
  readonly place: number
  /** 0 when it misses. */
  readonly damage: number
  readonly reactionTicks: number
}

interface Fighter extends Common {
  /** Health at `healthTick`; it grows back by one every `HEALTH_REGROW_TICKS`. 0 is dead. */
  health: number
  healthTick: number
  /** How many of each of `ITEMS`. */
  items: number[]
  gatherReadyTick: number
  strikeReadyTick: number
  combatUntilTick: number
  /** 0 while alive. */
  respawnTick: number
  strike: Strike | undefined
}

export interface Character extends Fighter {
  readonly kind: 'character'
  readonly player: Uint8Array
  readonly name: string
  awake: boolean
}

export interface Mood {
  readonly kind: 'flee' | 'fight'
  readonly foe: EntityId
  readonly untilTick: number
}

export interface Npc extends Fighter {
  readonly kind: 'npc'
  readonly brave: boolean
  readonly homeXMm: number
  readonly homeYMm: number
  /** `undefined` is calm. */
  mood: Mood | undefined
}

export interface Resource extends Common {
  readonly kind: 'resource'
  /** Index into `ITEMS`. */
  readonly item: number
  readonly capacity: number
  /** Ticks for one more item; 0 never grows (what the dead left). */
  readonly regrowTicks: number
  /** 0 stays for ever. */
  readonly expiresTick: number
  /** Stock at `stockTick`. */
  stock: number
  stockTick: number
}

export interface Structure extends Common {
  readonly kind: 'structure'
  /** Index into `STRUCTURES`. */
  readonly structure: number
  readonly builder: EntityId
}

export type Actor = Character | Npc
export type Entity = Actor | Resource | Structure
export type EntityKind = Entity['kind']
/** What others see: the same object, not to be written to, and good until the next `apply`. */
export type EntityView = Readonly<Character> | Readonly<Npc> | Readonly<Resource> | Readonly<Structure>

export const isActor = (entity: Entity): entity is Actor =>
  entity.kind === 'character' || entity.kind === 'npc'
