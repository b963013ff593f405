import type { Area } from '../area.ts'
import type { Draw } from '../draw.ts'
import { PROTECTED_RADIUS_MM, SPAWN_RADIUS_MM } from '../limits.ts'
import { isInside, isWithin, type Position } from '../motion.ts'

/** Beside one of the spawn points. Nothing stands there (`PROTECTED_RADIUS_MM`), so a draw is enough to keep people apart. */
export function spawnPlace({ charter }: Area, draw: Draw): Position {
  const spawn = charter.spawns[draw.below(charter.spawns.length)]!
  return placeNear(charter, spawn, SPAWN_RADIUS_MM, draw)
}

/** A place in the disc around `centre` and inside the bounds: the centre itself when eight draws miss. */
export function placeNear(
  bounds: { xMm: number; yMm: number; sideMm: number },
  centre: Position,
  radiusMm: number,
  draw: Draw,
): Position {
  for (let attempt = 0; attempt < 8; attempt++) {
    const place = {
      xMm: centre.xMm - radiusMm + draw.below(2 * radiusMm + 1),
      yMm: centre.yMm - radiusMm + draw.below(2 * radiusMm + 1),
    }
    if (isWithin(place, centre, radiusMm) && isInside(bounds, place.xMm, place.yMm)) return place
  }
  return { xMm: centre.xMm, yMm: centre.yMm }
}

export const isProtected = ({ charter }: Area, place: Position): boolean =>
  charter.spawns.some(spawn => isWithin(place, spawn, PROTECTED_RADIUS_MM))
