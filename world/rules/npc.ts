import type { Area, Slot } from '../area.ts'
import type { Draw } from '../draw.ts'
import type { Npc } from '../entity.ts'
import {
  NPC_LEASH_MM,
  NPC_RUN_MM_PER_TICK,
  NPC_SIGHT_MM,
  NPC_THINK_TICKS,
  NPC_WALK_MM_PER_TICK,
  STRIKE_REACH_MM,
} from '../limits.ts'
import { isMoving, isWithin, moving, type Position, positionAt, standing } from '../motion.ts'
import { isDead, strike } from './combat.ts'
import { gather, stockAt } from './gather.ts'

/** How near a fighter comes, a little inside its reach. */
const STOP_SHORT_MM = STRIKE_REACH_MM - 500

/** One thought, about once a second while somebody is awake here. */
export function think(area: Area, slot: Slot<Npc>): void {
  const npc = slot.entity
  if (isDead(npc)) return
  const draw = area.drawFor(npc)
  if (npc.mood && area.tick < npc.mood.untilTick && react(area, slot, npc.mood.foe, draw)) return
  if (npc.mood) {
    npc.mood = undefined
    area.touch(slot)
  }
  if (isMoving(npc.motion)) return
  const choice = draw.below(10)
  if (choice < 3) wander(area, slot, draw)
  else if (choice === 3) forage(area, slot)
}

/** False when there is nothing left to flee from or to fight. */
function react(area: Area, slot: Slot<Npc>, foeId: string, draw: Draw): boolean {
  const npc = slot.entity
  const foe = area.actor(foeId)?.entity
  if (!foe || isDead(foe) || (foe.kind === 'character' && !foe.awake)) return false
  const here = positionAt(npc.motion, area.tick)
  const there = positionAt(foe.motion, area.tick)
  if (!isWithin(here, { xMm: npc.homeXMm, yMm: npc.homeYMm }, NPC_LEASH_MM)) return false
  if (!isWithin(here, there, NPC_SIGHT_MM)) return false
  if (npc.mood!.kind === 'flee') {
    const away = { xMm: 2 * here.xMm - there.xMm, yMm: 2 * here.yMm - there.yMm }
    walk(area, slot, here, away, NPC_RUN_MM_PER_TICK, NPC_THINK_TICKS)
    return true
  }
  if (strike(area, slot, foeId, draw).code !== 'out-of-reach') return true
  const far = Math.max(Math.abs(there.xMm - here.xMm), Math.abs(there.yMm - here.yMm)) - STOP_SHORT_MM
  const ticks = Math.min(NPC_THINK_TICKS, Math.max(1, Math.floor(far / NPC_RUN_MM_PER_TICK)))
  walk(area, slot, here, there, NPC_RUN_MM_PER_TICK, ticks)
  return true
}

/** One to five seconds in any direction; home when it has come too far from it. */
function wander(area: Area, slot: Slot<Npc>, draw: Draw): void {
  const npc = slot.entity
  const here = positionAt(npc.motion, area.tick)
  const home = { xMm: npc.homeXMm, yMm: npc.homeYMm }
  const near = isWithin(here, home, NPC_LEASH_MM / 2)
  const x = here.xMm - 1000 + draw.below(2001)
  const y = here.yMm - 1000 + draw.below(2001)
  walk(area, slot, here, near ? { xMm: x, yMm: y } : home, NPC_WALK_MM_PER_TICK, 10 + draw.below(41))
}

function forage(area: Area, slot: Slot<Npc>): void {
  const here = positionAt(slot.entity.motion, area.tick)
  const spot = area.grid.nearest(here, NPC_SIGHT_MM, id => {
    const found = area.slots.get(id)?.entity
    return found?.kind === 'resource' && stockAt(found, area.tick) > 0
  })
  if (!spot || gather(area, slot, spot.id).code !== 'out-of-reach') return
  const far = Math.max(Math.abs(spot.xMm - here.xMm), Math.abs(spot.yMm - here.yMm))
  walk(area, slot, here, spot, NPC_WALK_MM_PER_TICK, Math.max(1, Math.floor(far / NPC_WALK_MM_PER_TICK)))
}

/**
 * Sets out towards a point. The longer axis gets the speed and the other its share, so no root is needed; a diagonal is
 * faster by up to √2, and the speeds leave room for that under what a character may run.
 */
function walk(
  area: Area,
  slot: Slot<Npc>,
  from: Position,
  to: Position,
  speed: number,
  maxTicks: number,
): void {
  const dx = to.xMm - from.xMm
  const dy = to.yMm - from.yMm
  const far = Math.max(Math.abs(dx), Math.abs(dy))
  if (far === 0) return
  const vx = Math.trunc((dx * speed) / far)
  const vy = Math.trunc((dy * speed) / far)
  const motion = moving(area.charter, from, vx, vy, area.tick, maxTicks)
  const stays = !isMoving(motion) && !isMoving(slot.entity.motion)
  if (stays) return
  slot.entity.motion = isMoving(motion) ? motion : standing(from.xMm, from.yMm, area.tick)
  area.touch(slot)
}
