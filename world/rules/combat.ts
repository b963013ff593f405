import type { Area, Slot } from '../area.ts'
import type { Draw } from '../draw.ts'
import type { Actor, Strike } from '../entity.ts'
import {
  CHARACTER_RESPAWN_TICKS,
  COMBAT_TICKS,
  DODGE_PERCENT,
  HEALTH_MAX,
  HEALTH_REGROW_TICKS,
  HIT_CHANCE_PERCENT,
  LOOT_LIFETIME_TICKS,
  MOVING_TARGET_PERCENT,
  NPC_MOOD_TICKS,
  NPC_RESPAWN_TICKS,
  PLACES,
  REACTION_MIN_TICKS,
  REACTION_SPREAD_TICKS,
  STRIKE_COOLDOWN_TICKS,
  STRIKE_REACH_MM,
  STRIKE_WINDUP_SPREAD_TICKS,
  STRIKE_WINDUP_TICKS,
} from '../limits.ts'
import { grown, isMoving, isWithin, positionAt, standing } from '../motion.ts'
import { spawnPlace } from './place.ts'
import { type Verdict, verdict } from './verdict.ts'

export const isDead = (actor: Readonly<Actor>): boolean => actor.respawnTick > 0

/** Analytic, like a resource's stock. */
export const healthAt = ({ health, healthTick, respawnTick }: Readonly<Actor>, tick: number): number =>
  respawnTick > 0 ? 0 : grown(health, healthTick, HEALTH_MAX, HEALTH_REGROW_TICKS, tick)

/**
 * Decides everything about a strike at once and announces it (seeds/party-servers: "PvE Combat"). `ok` carries the
 * target and the tick at which it lands.
 */
export function strike(area: Area, actor: Slot<Actor>, targetId: string, draw: Draw): Verdict {
  const attacker = actor.entity
  if (targetId === attacker.id) return verdict('self')
  if (!area.slots.has(targetId)) return verdict('unknown-target')
  const targetSlot = area.actor(targetId)
  if (!targetSlot) return verdict('wrong-kind')
  const target = targetSlot.entity
  if (isDead(target)) return verdict('target-dead')
  if (target.kind === 'character' && !target.awake) return verdict('target-asleep')
  if (area.tick < attacker.strikeReadyTick) return verdict('cooldown', attacker.strikeReadyTick)
  const at = positionAt(target.motion, area.tick)
  if (!isWithin(positionAt(attacker.motion, area.tick), at, STRIKE_REACH_MM)) {
    return verdict('out-of-reach', STRIKE_REACH_MM)
  }

  const decided = decide(attacker, target, area.tick, draw)
  attacker.strike = decided
  attacker.strikeReadyTick = area.tick + STRIKE_COOLDOWN_TICKS
  attacker.combatUntilTick = Math.max(attacker.combatUntilTick, decided.landTick + COMBAT_TICKS)
  target.combatUntilTick = Math.max(target.combatUntilTick, decided.landTick + COMBAT_TICKS)
  if (target.kind === 'npc') {
    const mood = target.brave ? 'fight' : 'flee'
    target.mood = { kind: mood, foe: attacker.id, untilTick: area.tick + NPC_MOOD_TICKS }
  }
  area.touch(actor)
  area.touch(targetSlot)
  area.emit({ kind: 'strike-announced', tick: area.tick, ...at, entity: attacker.id, ...decided })
  return verdict('ok', decided.landTick, targetId)
}

/** Whoever reacts before the strike lands may dodge it; whoever runs is harder to hit. */
function decide(attacker: Actor, target: Actor, tick: number, draw: Draw): Strike {
  const windupTicks = STRIKE_WINDUP_TICKS + draw.below(STRIKE_WINDUP_SPREAD_TICKS)
  const reactionTicks = REACTION_MIN_TICKS + draw.below(REACTION_SPREAD_TICKS)
  let chance = HIT_CHANCE_PERCENT
  if (reactionTicks < windupTicks) chance -= DODGE_PERCENT
  if (isMoving(target.motion)) chance -= MOVING_TARGET_PERCENT
  const hit = draw.below(100) < chance
  const place = drawPlace(draw)
  const { minDamage, spread } = PLACES[place]!
  const full = minDamage + draw.below(spread)
  const damage = attacker.kind === 'npc' ? Math.floor(full / 2) : full
  return {
    target: target.id,
    landTick: tick + windupTicks,
    hit,
    place,
    damage: hit ? damage : 0,
    reactionTicks,
  }
}

function drawPlace(draw: Draw): number {
  let left = draw.below(100)
  const place = PLACES.findIndex(({ chancePercent }) => {
    left -= chancePercent
    return left < 0
  })
  return Math.max(0, place)
}

/** A strike that finds its target dead already does nothing more. It lands even if whoever struck is dead by now. */
export function landStrike(area: Area, actor: Slot<Actor>): void {
  const decided = actor.entity.strike!
  actor.entity.strike = undefined
  area.touch(actor)
  const targetSlot = area.actor(decided.target)
  if (!targetSlot || isDead(targetSlot.entity)) return
  const target = targetSlot.entity
  const healthLeft = Math.max(0, healthAt(target, area.tick) - decided.damage)
  if (decided.hit) {
    target.health = healthLeft
    target.healthTick = area.tick
    area.touch(targetSlot)
  }
  const { hit, place, damage } = decided
  const facts = { target: target.id, hit, place, damage, healthLeft }
  const at = positionAt(target.motion, area.tick)
  area.emit({ kind: 'strike-landed', tick: area.tick, ...at, entity: actor.entity.id, ...facts })
  if (healthLeft === 0) die(area, targetSlot, actor.entity.id)
}

function die(area: Area, slot: Slot<Actor>, killer: string): void {
  const { entity } = slot
  const at = positionAt(entity.motion, area.tick)
  entity.motion = standing(at.xMm, at.yMm, area.tick)
  entity.respawnTick = area.tick + (entity.kind === 'npc' ? NPC_RESPAWN_TICKS : CHARACTER_RESPAWN_TICKS)
  // The dead can't fall asleep. This only ever grows, so that the idle queue is the same after a restore.
  entity.combatUntilTick = Math.max(entity.combatUntilTick, entity.respawnTick + 1)
  if (entity.kind === 'npc') entity.mood = undefined
  dropHalf(area, entity)
  area.touch(slot)
  area.emit({ kind: 'died', tick: area.tick, ...at, entity: entity.id, killer })
}

/** Half of each item, rounded down, lies where its owner died, for a minute. */
function dropHalf(area: Area, entity: Actor): void {
  for (let item = 0; item < entity.items.length; item++) {
    const dropped = Math.floor(entity.items[item]! / 2)
    if (dropped === 0) continue
    entity.items[item]! -= dropped
    area.add({
      kind: 'resource',
      ...area.birth(),
      motion: standing(entity.motion.xMm, entity.motion.yMm, area.tick),
      item,
      capacity: dropped,
      regrowTicks: 0,
      expiresTick: area.tick + LOOT_LIFETIME_TICKS,
      stock: dropped,
      stockTick: area.tick,
    })
  }
}

export function respawn(area: Area, slot: Slot<Actor>): void {
  const { entity } = slot
  const place =
    entity.kind === 'npc'
      ? { xMm: entity.homeXMm, yMm: entity.homeYMm }
      : spawnPlace(area, area.drawFor(entity))
  entity.motion = standing(place.xMm, place.yMm, area.tick)
  entity.health = HEALTH_MAX
  entity.healthTick = area.tick
  entity.respawnTick = 0
  area.touch(slot)
  area.emit({ kind: 'respawned', tick: area.tick, ...place, entity: entity.id })
}
