import {
  type EntityKind,
  type EntityView,
  GATHER_REACH_MM,
  HEALTH_MAX,
  HEALTH_REGROW_TICKS,
  ITEMS,
  STRIKE_REACH_MM,
  STRUCTURES,
} from '../../../world/codec.ts'
import type { Point } from './motion.ts'

/** An entity where it is at one moment. `tick` is the guessed tick of its area then, with a fraction. */
export interface Placed extends Point {
  readonly entity: EntityView
  /** The authority that owns it. */
  readonly area: string
  readonly tick: number
  readonly moving: boolean
}

export const KIND_NAMES: Record<EntityKind, readonly [one: string, many: string]> = {
  character: ['player', 'players'],
  npc: ['NPC', 'NPCs'],
  resource: ['resource', 'resources'],
  structure: ['structure', 'structures'],
}

/** What grows back by one every `everyTicks`, up to `cap`; nothing grows with 0. */
function grown(value: number, since: number, cap: number, everyTicks: number, tick: number): number {
  if (everyTicks === 0) return value
  return Math.min(cap, value + Math.max(0, Math.floor((tick - since) / everyTicks)))
}

function healthOf(entity: EntityView, tick: number): number {
  if (entity.kind !== 'character' && entity.kind !== 'npc') return HEALTH_MAX
  if (entity.health === 0) return 0
  return grown(entity.health, entity.healthTick, HEALTH_MAX, HEALTH_REGROW_TICKS, tick)
}

function stockOf(entity: EntityView, tick: number): number {
  if (entity.kind !== 'resource') return 0
  return grown(entity.stock, entity.stockTick, entity.capacity, entity.regrowTicks, tick)
}

/** Drawn pale: nothing is to be had from it, or nobody is in it. */
export function isFaint(entity: EntityView, tick: number): boolean {
  if (entity.kind === 'resource') return stockOf(entity, tick) === 0
  if (entity.kind === 'structure') return false
  return entity.health === 0 || (entity.kind === 'character' && !entity.awake)
}

/** Half of its footprint's side; 0 for what has none. */
export const halfMmOf = (entity: EntityView): number =>
  entity.kind === 'structure' ? (STRUCTURES[entity.structure]?.halfMm ?? 0) : 0

export function labelOf(entity: EntityView): string {
  switch (entity.kind) {
    case 'character':
      return entity.name
    case 'npc':
      return entity.brave ? 'brave NPC' : 'shy NPC'
    case 'resource':
      return ITEMS[entity.item] ?? 'resource'
    case 'structure':
      return STRUCTURES[entity.structure]?.name ?? 'structure'
  }
}

const carried = (items: readonly number[]): string =>
  ITEMS.map((item, at) => `${items[at] ?? 0} ${item}`).join(', ')

/** What the details show, beside place and owner. */
export function factsOf(entity: EntityView, tick: number): (readonly [label: string, value: string])[] {
  switch (entity.kind) {
    case 'character':
    case 'npc': {
      const health = healthOf(entity, tick)
      const asleep = entity.kind === 'character' && !entity.awake
      return [
        ['health', health === 0 ? 'dead, comes back soon' : `${health} of ${HEALTH_MAX}`],
        ['carries', carried(entity.items)],
        ...(asleep ? ([['state', 'asleep']] as const) : []),
        ...(entity.kind === 'npc' && entity.mood !== undefined
          ? ([['mood', `${entity.mood.kind}s`]] as const)
          : []),
      ]
    }
    case 'resource':
      return [['left', `${stockOf(entity, tick)} of ${entity.capacity}`]]
    case 'structure':
      return [['built by', `${entity.builder.slice(0, 12)}…`]]
  }
}

export const distanceMm = (a: Point, b: Point): number => Math.hypot(a.xMm - b.xMm, a.yMm - b.yMm)

function nearest(own: Placed, placed: readonly Placed[], fits: (it: Placed) => boolean): Placed | undefined {
  let best: Placed | undefined
  for (const it of placed) {
    if (it.entity.id === own.entity.id || it.area !== own.area || !fits(it)) continue
    if (best === undefined || distanceMm(it, own) < distanceMm(best, own)) best = it
  }
  return best
}

export const nearestResource = (own: Placed, placed: readonly Placed[]): Placed | undefined =>
  nearest(own, placed, it => it.entity.kind === 'resource' && stockOf(it.entity, it.tick) > 0)

export const nearestFoe = (own: Placed, placed: readonly Placed[]): Placed | undefined =>
  nearest(
    own,
    placed,
    ({ entity, tick }) => (entity.kind === 'npc' || entity.kind === 'character') && !isFaint(entity, tick),
  )

/** From how near it can be gathered or struck, a little less than the rules allow: both sides may have moved. */
export const reachMm = (kind: 'gather' | 'strike'): number =>
  (kind === 'gather' ? GATHER_REACH_MM : STRIKE_REACH_MM) * 0.7
