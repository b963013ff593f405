import type { Area, Slot } from '../area.ts'
import type { Actor, Resource } from '../entity.ts'
import { GATHER_COOLDOWN_TICKS, GATHER_REACH_MM, INVENTORY_MAX_ITEMS } from '../limits.ts'
import { grown, isWithin, positionAt } from '../motion.ts'
import { type Verdict, verdict } from './verdict.ts'

/** Takes one item out of a resource. `ok` carries how many of that item are carried now. */
export function gather(area: Area, actor: Slot<Actor>, resourceId: string): Verdict {
  const slot = area.slots.get(resourceId)
  if (!slot) return verdict('unknown-target')
  if (slot.entity.kind !== 'resource') return verdict('wrong-kind')
  const { entity } = actor
  const resource = slot.entity
  if (area.tick < entity.gatherReadyTick) return verdict('cooldown', entity.gatherReadyTick)
  const position = positionAt(entity.motion, area.tick)
  if (!isWithin(position, resource.motion, GATHER_REACH_MM)) return verdict('out-of-reach', GATHER_REACH_MM)
  if (carried(entity) >= INVENTORY_MAX_ITEMS) return verdict('inventory-full', INVENTORY_MAX_ITEMS)
  if (stockAt(resource, area.tick) === 0) return verdict('empty')

  takeOne(area, slot as Slot<Resource>)
  entity.items[resource.item]!++
  entity.gatherReadyTick = area.tick + GATHER_COOLDOWN_TICKS
  area.touch(actor)
  area.emit({
    kind: 'gathered',
    tick: area.tick,
    ...position,
    entity: entity.id,
    resource: resource.id,
    item: resource.item,
    amount: 1,
  })
  return verdict('ok', entity.items[resource.item])
}

export const stockAt = (
  { stock, stockTick, capacity, regrowTicks }: Readonly<Resource>,
  tick: number,
): number => grown(stock, stockTick, capacity, regrowTicks, tick)

export function carried({ items }: Readonly<Actor>): number {
  let sum = 0
  for (const count of items) sum += count
  return sum
}

function takeOne(area: Area, slot: Slot<Resource>): void {
  const resource = slot.entity
  const stock = stockAt(resource, area.tick)
  // The part of the next item that has grown already stays grown, unless it was full and nothing was growing.
  const full = stock === resource.capacity || resource.regrowTicks === 0
  resource.stockTick = full ? area.tick : resource.stockTick + (stock - resource.stock) * resource.regrowTicks
  resource.stock = stock - 1
  if (resource.expiresTick > 0 && resource.stock === 0) area.remove(slot)
  else area.touch(slot)
}
