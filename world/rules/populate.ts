import type { Area } from '../area.ts'
import { asciiBytes } from '../codec/bytes.ts'
import { Draw, seedWords } from '../draw.ts'
import { HEALTH_MAX, ITEMS, RESOURCE_CAPACITY, RESOURCE_HALF_MM, RESOURCE_REGROW_TICKS } from '../limits.ts'
import { type Position, standing } from '../motion.ts'
import { isProtected, placeNear } from './place.ts'

/** Half of everything is this near to a spawn point, the rest anywhere in the area. */
const NEAR_SPAWN_MM = 250_000
const ATTEMPTS = 16

/** Places the charter's resources and NPCs. They are born at leaf 0, the charter. */
export function populate(area: Area): void {
  const { charter, host } = area
  const text = `freehold/populate/1\n${host.origin}\n${charter.seed}`
  const draw = new Draw(seedWords(host.sha256(asciiBytes(text))))
  for (let i = 0; i < charter.resourceCount; i++) {
    const { xMm, yMm } = freePlace(area, draw, i)
    area.add({
      kind: 'resource',
      ...area.birth(),
      motion: standing(xMm, yMm, 0),
      item: draw.below(ITEMS.length),
      capacity: RESOURCE_CAPACITY,
      regrowTicks: RESOURCE_REGROW_TICKS,
      expiresTick: 0,
      stock: RESOURCE_CAPACITY,
      stockTick: 0,
    })
  }
  for (let i = 0; i < charter.npcCount; i++) {
    const { xMm, yMm } = freePlace(area, draw, i)
    area.add({
      kind: 'npc',
      ...area.birth(),
      motion: standing(xMm, yMm, 0),
      ...newActor(),
      brave: draw.below(2) === 1,
      homeXMm: xMm,
      homeYMm: yMm,
      mood: undefined,
    })
  }
}

export function newActor() {
  return {
    health: HEALTH_MAX,
    healthTick: 0,
    items: ITEMS.map(() => 0),
    gatherReadyTick: 0,
    strikeReadyTick: 0,
    combatUntilTick: 0,
    respawnTick: 0,
    strike: undefined,
  }
}

/** Where nothing stands. In an area too small or too full for that, the last attempt is as good as any. */
function freePlace(area: Area, draw: Draw, index: number): Position {
  const { charter } = area
  let place: Position = charter.spawns[0]!
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    place =
      index % 2 === 0
        ? placeNear(charter, charter.spawns[draw.below(charter.spawns.length)]!, NEAR_SPAWN_MM, draw)
        : { xMm: charter.xMm + draw.below(charter.sideMm), yMm: charter.yMm + draw.below(charter.sideMm) }
    if (!isProtected(area, place) && !area.grid.overlaps(place.xMm, place.yMm, RESOURCE_HALF_MM)) break
  }
  return place
}
