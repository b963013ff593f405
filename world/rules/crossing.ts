import { type Area, idOf, type Slot } from '../area.ts'
import { binaryString, hexOf } from '../codec/bytes.ts'
import { decodeEntity, encodeEntity } from '../codec/entity.ts'
import { PLAYER_BYTES, sessionNumber } from '../codec/input.ts'
import { decodeHeader, decodePlayer, encodePlayer, type PlayerRecord } from '../codec/state.ts'
import type { Character, Entity } from '../entity.ts'
import type { Cargo, Estate } from '../estate.ts'
import type { DirtyEntry } from '../interface.ts'
import {
  COMBAT_TICKS,
  GATHER_COOLDOWN_TICKS,
  INVENTORY_MAX_ITEMS,
  MAX_SESSION_AHEAD_MS,
  MAX_SPEED_MM_PER_TICK,
  OUTCOMES_KEPT,
  STRIKE_COOLDOWN_TICKS,
} from '../limits.ts'
import {
  isInside,
  isLeaning,
  isMoving,
  moving,
  nextStep,
  type Position,
  positionAt,
  standing,
} from '../motion.ts'
import { isConsumed } from '../reasons.ts'
import { healthAt, isDead } from './combat.ts'
import { carried } from './gather.ts'

/** A character that waits at the border and may leave now, and where its next step would take it. */
export interface Wish {
  readonly entity: string
  readonly to: Position
}

interface Traveller {
  readonly entity: Character
  readonly record: PlayerRecord
}

export function* wishes(area: Area): Generator<Wish> {
  for (const slot of area.atBorder) {
    const { entity } = slot
    if (!isLeaning(entity.motion)) area.atBorder.delete(slot)
    else if (mayLeave(area, entity)) yield { entity: entity.id, to: nextStep(entity.motion) }
  }
}

/** Who is in a fight can't leave it, as it can't leave the world; so no strike is in the air at whoever goes. */
function mayLeave({ tick }: Area, entity: Character): boolean {
  const isFree = entity.awake && !isDead(entity) && entity.strike === undefined
  return isLeaning(entity.motion) && isFree && tick >= entity.combatUntilTick
}

/** The area's side of handovers: what an entity takes along, and what of it is believed. */
export function estateOf(area: Area): Estate {
  return {
    has: id => area.slots.get(id)?.entity.kind === 'character',
    take: id => take(area, id),
    admits: (id, cargo) => {
      const traveller = readTraveller(cargo)
      return traveller !== undefined && admits(area, id, traveller)
    },
    put: (_, cargo) => put(area, cargo),
    held,
    heirOf: ({ cargo }, successors) => heirOf(area, cargo, successors),
    locked: (id, cargo) => {
      const traveller = readTraveller(cargo)
      const player = traveller && binaryString(traveller.entity.player, 0, PLAYER_BYTES)
      if (player !== undefined) area.away.locked(id, { player, bytes: cargo.state })
    },
    left: (id, cargo, target) => left(area, id, cargo, target),
  }
}

function take(area: Area, id: string): Cargo | undefined {
  const slot = area.slots.get(id)
  if (slot?.entity.kind !== 'character' || !mayLeave(area, slot.entity)) return undefined
  const { entity } = slot as Slot<Character>
  const player = area.players.get(binaryString(entity.player, 0, PLAYER_BYTES))!
  // Where it comes to, and whether it comes back, other ticks may count: what grows is taken as it is now.
  const now = { health: healthAt(entity, area.tick), healthTick: area.tick }
  const log = player.record.log ?? area.host.origin
  const state = encodeEntity({ ...entity, ...now })
  const session = encodePlayer({ ...player.record, log })
  area.removeCharacter(player)
  return { state, session }
}

function readTraveller({ state, session }: Cargo): Traveller | undefined {
  const entity = decodeEntity(state)
  const record = decodePlayer(session)
  if (entity?.kind !== 'character' || record?.log === undefined) return undefined
  return { entity, record }
}

/** Another area's members may all lie: whatever can be known of a character without them is looked at. */
function admits(area: Area, id: string, { entity, record }: Traveller): boolean {
  const { charter, counts, host } = area
  const key = binaryString(entity.player, 0, PLAYER_BYTES)
  const hasRoom = charter.borders === 'open' && counts.character < charter.capacity
  const isPlayerNew = !area.players.has(key) && area.away.crossingOf(key) === undefined
  const isNew = isPlayerNew && !area.slots.has(id) && area.away.crossing(id) === undefined
  const isOfHere = [entity.birthOrigin, record.log!].every(
    origin => networkOf(origin) === networkOf(host.origin),
  )
  // A character is the first thing that its record makes.
  const isNamed = entity.id === id && id === idOf(host, entity.birthOrigin, entity.birthLeaf, 0)
  // The name of one that is still to be born here would be given out twice.
  const isBorn = isNamed && (entity.birthOrigin !== host.origin || entity.birthLeaf < area.leaf)
  const comesIn = isStep(area, entity)
  return hasRoom && isNew && isOfHere && isBorn && comesIn && isWell(entity) && isPlayed(area, entity, record)
}

const networkOf = (origin: string): string => origin.slice(0, origin.indexOf('/'))

function isStep({ charter }: Area, { motion }: Character): boolean {
  const { xMm, yMm, vxMmPerTick: vx, vyMmPerTick: vy } = motion
  const to = nextStep(motion)
  const isSlow = vx * vx + vy * vy <= MAX_SPEED_MM_PER_TICK * MAX_SPEED_MM_PER_TICK
  return isLeaning(motion) && isSlow && isInside(charter, to.xMm, to.yMm) && !isInside(charter, xMm, yMm)
}

function isWell(entity: Character): boolean {
  const isFree = entity.awake && entity.health > 0 && entity.respawnTick === 0 && entity.strike === undefined
  return isFree && carried(entity) <= INVENTORY_MAX_ITEMS
}

function isPlayed({ timeMs }: Area, entity: Character, record: PlayerRecord): boolean {
  const { outcomes, lastSeq, session } = record
  const first = lastSeq - outcomes.length + 1
  const isWhole = lastSeq > 0 && outcomes.length === Math.min(lastSeq, OUTCOMES_KEPT)
  const areInOrder = outcomes.every(({ seq, code }, i) => seq === first + i && isConsumed(code))
  // Two areas' times may differ.
  const isInTime = sessionNumber(session) <= timeMs + 2 * MAX_SESSION_AHEAD_MS
  return record.character === entity.id && isWhole && areInOrder && isInTime && record.carriedSeq <= lastSeq
}

/** Comes in over the border, or is back where it was, or falls to this area with all that was around it. */
function put(area: Area, { state, session }: Cargo): void {
  const entity = decodeEntity(state)!
  const isBack = isInside(area.charter, entity.motion.xMm, entity.motion.yMm)
  if (entity.kind !== 'character') return void area.add(settled(area, entity))
  const record = decodePlayer(session)
  if (record === undefined) return
  if (isBack) settled(area, entity)
  else {
    stepIn(area, entity)
    record.carriedSeq = record.lastSeq
    record.lastInputTick = area.tick
  }
  if (record.log === area.host.origin) record.log = undefined
  area.putCharacter(entity, record)
}

/** What was on its way when its area ended goes on here. */
function settled<E extends Entity>({ charter, tick }: Area, entity: E): E {
  const { motion } = entity
  if (isMoving(motion)) {
    const { vxMmPerTick, vyMmPerTick, sinceTick, untilTick } = motion
    entity.motion = moving(charter, motion, vxMmPerTick, vyMmPerTick, tick, untilTick - sinceTick)
  }
  return entity
}

/** One step over the border, and on. No tick of elsewhere holds it up here for longer than the rules would. */
function stepIn({ charter, tick }: Area, entity: Character): void {
  const { vxMmPerTick, vyMmPerTick } = entity.motion
  entity.motion = moving(charter, nextStep(entity.motion), vxMmPerTick, vyMmPerTick, tick)
  entity.healthTick = tick
  entity.gatherReadyTick = Math.min(entity.gatherReadyTick, tick + GATHER_COOLDOWN_TICKS)
  entity.strikeReadyTick = Math.min(entity.strikeReadyTick, tick + STRIKE_COOLDOWN_TICKS)
  entity.combatUntilTick = Math.min(entity.combatUntilTick, tick + COMBAT_TICKS)
}

function left(area: Area, id: string, { state, session }: Cargo, target: string): void {
  const traveller = readTraveller({ state, session })
  area.letGo(id)
  if (traveller === undefined) return
  const { motion, player } = traveller.entity
  const bytes = Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(target.slice(2 * i, 2 * i + 2), 16))
  const number = sessionNumber(traveller.record.session)
  const forward = { target: bytes, leaf: area.leaf, session: number }
  area.away.setForward(binaryString(player, 0, PLAYER_BYTES), forward, area.timeMs)
  area.emit({ kind: 'crossed', tick: area.tick, xMm: motion.xMm, yMm: motion.yMm, entity: id, target })
}

/** Everything that an area's state holds, each with its player's record where it has one, and as it was when that ended. */
function* held(entries: Iterable<DirtyEntry>): Generator<{ entity: string; cargo: Cargo }> {
  const players = new Map<string, Uint8Array>()
  const states: Uint8Array[] = []
  let tick = 0
  for (const { key, value } of entries) {
    if (value === undefined) continue
    if (key[0] === 0x61) tick = decodeHeader(value)?.tick ?? 0
    else if (key[0] === 0x65) states.push(value)
    else if (key[0] === 0x70) players.set(hexOf(key, 1, PLAYER_BYTES), value)
  }
  for (const bytes of states) {
    const entity = decodeEntity(bytes)
    if (entity === undefined) continue
    const session = entity.kind === 'character' && players.get(hexOf(entity.player, 0, PLAYER_BYTES))
    const state = encodeEntity(asOf(entity, tick))
    yield { entity: entity.id, cargo: { state, session: session || new Uint8Array(0) } }
  }
}

function asOf<E extends Entity>(entity: E, tick: number): E {
  const { motion } = entity
  if (!isMoving(motion) || tick <= motion.sinceTick) return entity
  const at = positionAt(motion, tick)
  const isThere = tick >= motion.untilTick
  return {
    ...entity,
    motion: isThere ? standing(at.xMm, at.yMm, tick) : { ...motion, ...at, sinceTick: tick },
  }
}

/** A tile's four successors are its quarters, by the digits of their quadkeys. */
function heirOf({ charter }: Area, { state }: Cargo, successors: number): number {
  const entity = decodeEntity(state)
  if (entity === undefined || successors === 1) return 0
  if (successors !== 4) return Number.parseInt(entity.id.slice(0, 8), 16) % successors
  const digit = Number(charter.quadkey.at(-1))
  const middleXMm = charter.xMm + ((digit & 1) === 0 ? charter.sideMm : 0)
  const middleYMm = charter.yMm + (digit >> 1 === 0 ? charter.sideMm : 0)
  return (entity.motion.xMm >= middleXMm ? 1 : 0) + (entity.motion.yMm >= middleYMm ? 2 : 0)
}
