import type { Area } from '../area.ts'
import { encodeCourse } from '../codec/course.ts'
import type { Entity } from '../entity.ts'
import { ASPECTS, ITEMS } from '../limits.ts'
import { stockAt } from './gather.ts'
import { type Verdict, verdict } from './verdict.ts'

/**
 * Tells one thing about one entity as it is at this leaf. A look stands in the log like any input, so it sees all that
 * was committed before it, and its receipt proves what was seen.
 */
export function look(area: Area, target: string, aspect: number): Verdict {
  const entity = area.slots.get(target)?.entity
  if (!entity) return verdict('unknown-target')
  const name = ASPECTS[aspect]!
  const value =
    name === 'course' ? courseAt(entity, area.tick) : heldAt(entity, ITEMS.indexOf(name), area.tick)
  return verdict('ok', value, target)
}

/** What has arrived stands, whatever course it came by. */
function courseAt({ motion }: Entity, tick: number): number {
  return tick < motion.untilTick ? encodeCourse(motion) : 0
}

function heldAt(entity: Entity, item: number, tick: number): number {
  if (entity.kind === 'resource') return entity.item === item ? stockAt(entity, tick) : 0
  return entity.kind === 'structure' ? 0 : entity.items[item]!
}
