import type { Area, PlayerSlot } from '../area.ts'
import { binaryString } from '../codec/bytes.ts'
import { PLAYER_BYTES, SESSION_AT, SESSION_BYTES } from '../codec/input.ts'
import { IDLE_TICKS } from '../limits.ts'
import { isLeaning, isMoving, positionAt, standing } from '../motion.ts'
import { spawnPlace } from './place.ts'
import { newActor } from './populate.ts'
import { type Verdict, verdict } from './verdict.ts'

/** A player's first character here, with its first session. */
export function createCharacter(area: Area, body: Uint8Array, name: string): PlayerSlot {
  const birth = area.birth()
  const place = spawnPlace(area, area.drawFor(birth))
  const slot = area.add({
    kind: 'character',
    ...birth,
    motion: standing(place.xMm, place.yMm, area.tick),
    ...newActor(),
    healthTick: area.tick,
    player: body.slice(0, PLAYER_BYTES),
    name,
    awake: true,
  })
  const record = {
    character: birth.id,
    session: body.slice(SESSION_AT, SESSION_AT + SESSION_BYTES),
    lastSeq: 0,
    lastInputTick: area.tick,
    outcomes: [],
    log: undefined,
    carriedSeq: 0,
  }
  area.emit({ kind: 'spawned', tick: area.tick, ...place, entity: birth.id })
  return area.addPlayer(binaryString(body, 0, PLAYER_BYTES), record, slot)
}

/** Closes the session that was open and opens another; the character goes on as it is. */
export function takeOver(player: PlayerSlot, session: Uint8Array): void {
  const { record } = player
  record.session = session
  record.lastSeq = 0
  record.outcomes = []
  record.log = undefined
  record.carriedSeq = 0
  player.logTag = undefined
}

/** `ok` carries the character. In the first input of a session this is never refused: the character may be awake or dead. */
export function wake(area: Area, player: PlayerSlot): Verdict {
  const { entity } = player.character
  const first = player.record.lastSeq === 0
  if (entity.awake) return verdict(first ? 'ok' : 'already-here', undefined, entity.id)
  area.setAwake(player, true)
  area.emit({ kind: 'spawned', tick: area.tick, ...positionAt(entity.motion, area.tick), entity: entity.id })
  return verdict('ok', undefined, entity.id)
}

/** A sleeping character stays where it is and can't be struck. */
export function fallAsleep(area: Area, player: PlayerSlot, idle: boolean): void {
  const slot = player.character
  const at = positionAt(slot.entity.motion, area.tick)
  const { motion } = slot.entity
  if (isMoving(motion) || isLeaning(motion)) slot.entity.motion = standing(at.xMm, at.yMm, area.tick)
  area.setAwake(player, false)
  area.emit({ kind: 'left', tick: area.tick, ...at, entity: slot.entity.id, idle })
}

/**
 * The idle queue's entry came up: it sleeps, or has acted or run or fought since, and is looked at again later. Only a
 * new course or death bring that moment nearer, and never to less than `IDLE_TICKS` ahead, so looking that often misses
 * nothing, and a queue that was restored, which starts with other entries, decides the same.
 */
export function checkIdle(area: Area, player: PlayerSlot): void {
  const { motion, combatUntilTick } = player.character.entity
  const restTick = Math.max(player.record.lastInputTick, motion.untilTick)
  const sleepTick = Math.max(restTick + IDLE_TICKS, combatUntilTick)
  if (sleepTick <= area.tick) fallAsleep(area, player, true)
  else area.idle.schedule(player, Math.min(sleepTick, area.tick + IDLE_TICKS))
}
