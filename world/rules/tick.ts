import type { Area, Slot } from '../area.ts'
import type { Tick } from '../codec/tick.ts'
import { type Actor, type Character, isActor } from '../entity.ts'
import { NPC_THINK_TICKS } from '../limits.ts'
import { isMoving, leaning, positionAt, standing } from '../motion.ts'
import { landStrike, respawn } from './combat.ts'
import { think } from './npc.ts'
import { checkIdle } from './presence.ts'

/**
 * Lets time pass up to `to.tick`. What is due on the way happens at its own tick, within a tick in id order: first
 * strikes, arrivals, respawns and what expires, then who has been idle, then the NPCs whose turn it is to think.
 * After a jump an NPC thinks once and not once per second missed, so the work is bounded by the number of entities.
 */
export function advance(area: Area, to: Tick): void {
  const hasNpcs = area.counts.npc > 0
  let thoughtTick = hasNpcs ? Math.max(area.tick, to.tick - NPC_THINK_TICKS) + 1 : Number.POSITIVE_INFINITY
  for (;;) {
    const dueTick = Math.min(area.due.nextTick(), area.idle.nextTick(), thoughtTick)
    if (dueTick > to.tick) break
    area.tick = Math.max(area.tick, dueTick)
    while (area.due.nextTick() <= area.tick) runDue(area, area.due.first()!)
    while (area.idle.nextTick() <= area.tick) checkIdle(area, area.idle.first()!)
    if (thoughtTick === area.tick) {
      if (area.awake > 0) for (const slot of area.thinkers[thoughtTick % NPC_THINK_TICKS]!) think(area, slot)
      thoughtTick++
    }
  }
  area.tick = to.tick
  area.timeMs = to.timeMs
  area.touchHeader()
}

/** An NPC goes nowhere else. A character's course only ends at the border: where that is open, it waits to go over. */
function arrive(area: Area, slot: Slot<Actor>): void {
  const { entity } = slot
  const at = positionAt(entity.motion, area.tick)
  const waits = entity.kind === 'character' && area.charter.borders === 'open'
  entity.motion = waits ? leaning(at, entity.motion, area.tick) : standing(at.xMm, at.yMm, area.tick)
  area.touch(slot)
  if (waits) area.atBorder.add(slot as Slot<Character>)
}

/** Every part that is due is dealt with, so that the entity's next due tick lies ahead. */
function runDue(area: Area, slot: Slot): void {
  const { entity } = slot
  if (entity.kind === 'resource') {
    area.remove(slot)
    return
  }
  if (!isActor(entity)) return
  const actor = slot as Slot<Actor>
  if (entity.strike && entity.strike.landTick <= area.tick) landStrike(area, actor)
  if (isMoving(entity.motion) && entity.motion.untilTick <= area.tick) {
    arrive(area, actor)
  }
  if (entity.respawnTick > 0 && entity.respawnTick <= area.tick) respawn(area, actor)
}
