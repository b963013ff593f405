/** Every number of the rules, version 1. Time is in ticks of 100 ms, lengths in whole millimetres. `docs/rules.md` explains them. */

export const TICKS_PER_SECOND = 10

export const NAME_MAX_CHARS = 24
/** A character's name: 1 to 24 of these. No spaces and no look-alike alphabets, so that two names that differ look different. */
export const NAME_PATTERN = /^[A-Za-z0-9_-]{1,24}$/

export const MAX_SPEED_MM_PER_TICK = 700
export const OUTCOMES_KEPT = 16
/** A session's number may be so far ahead of the area's clock: else one forged opening could use up all numbers for good. */
export const MAX_SESSION_AHEAD_MS = 24 * 60 * 60 * 1000
export const ORIGIN_MAX_CHARS = 160
/** An area remembers of so many characters, the last to leave, where they went. */
export const FORWARDS_KEPT = 4096
/** An awake character that stands and sends nothing for five minutes falls asleep, so that a lost client doesn't keep an area ticking. */
export const IDLE_TICKS = 3000

export const ITEMS = ['wood', 'stone'] as const
/** What a look asks about: the course, or how many of an item. */
export const ASPECTS = ['course', ...ITEMS] as const
export const INVENTORY_MAX_ITEMS = 50
export const GATHER_REACH_MM = 3_000
export const GATHER_COOLDOWN_TICKS = 10

export const RESOURCE_CAPACITY = 20
export const RESOURCE_REGROW_TICKS = 50
export const RESOURCE_HALF_MM = 500
export const LOOT_LIFETIME_TICKS = 600

export const BUILD_REACH_MM = 5_000
/** Around a spawn point nothing is built and nothing is placed, so that whoever arrives stands free. */
export const PROTECTED_RADIUS_MM = 30_000
export const SPAWN_RADIUS_MM = 20_000
export const MAX_STRUCTURES = 20_000

export interface StructureRule {
  readonly name: string
  /** Half the side of its square footprint. */
  readonly halfMm: number
  /** How many of each of `ITEMS` it costs. */
  readonly cost: readonly number[]
}
export const STRUCTURES: readonly StructureRule[] = [
  { name: 'campfire', halfMm: 500, cost: [3, 0] },
  { name: 'wall', halfMm: 1_000, cost: [0, 5] },
  { name: 'hut', halfMm: 2_000, cost: [10, 5] },
]

export const HEALTH_MAX = 100
export const HEALTH_REGROW_TICKS = 10
export const STRIKE_REACH_MM = 2_500
export const STRIKE_COOLDOWN_TICKS = 15
export const STRIKE_WINDUP_TICKS = 4
export const STRIKE_WINDUP_SPREAD_TICKS = 4
export const REACTION_MIN_TICKS = 2
export const REACTION_SPREAD_TICKS = 6
export const HIT_CHANCE_PERCENT = 85
export const DODGE_PERCENT = 25
export const MOVING_TARGET_PERCENT = 15
/** How long after a strike lands its two sides can't leave the world. */
export const COMBAT_TICKS = 50
export const CHARACTER_RESPAWN_TICKS = 50
export const NPC_RESPAWN_TICKS = 300

export interface PlaceRule {
  readonly name: string
  readonly chancePercent: number
  readonly minDamage: number
  readonly spread: number
}
/** Where a strike lands. The chances add up to 100. */
export const PLACES: readonly PlaceRule[] = [
  { name: 'head', chancePercent: 12, minDamage: 24, spread: 12 },
  { name: 'torso', chancePercent: 48, minDamage: 12, spread: 9 },
  { name: 'arms', chancePercent: 20, minDamage: 6, spread: 7 },
  { name: 'legs', chancePercent: 20, minDamage: 8, spread: 7 },
]

export const NPC_THINK_TICKS = 10
export const NPC_WALK_MM_PER_TICK = 300
export const NPC_RUN_MM_PER_TICK = 450
export const NPC_LEASH_MM = 40_000
export const NPC_SIGHT_MM = 12_000
export const NPC_MOOD_TICKS = 100
