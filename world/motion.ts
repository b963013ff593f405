/**
 * Analytic motion: where something is at a tick follows from one line, so a tick touches nothing that merely moves.
 * From `untilTick` on it stands. Standing still is a velocity of zero with `untilTick = sinceTick`.
 */
export interface Motion {
  readonly xMm: number
  readonly yMm: number
  readonly vxMmPerTick: number
  readonly vyMmPerTick: number
  readonly sinceTick: number
  readonly untilTick: number
}

type Course = Pick<Motion, 'vxMmPerTick' | 'vyMmPerTick'>

export interface Position {
  readonly xMm: number
  readonly yMm: number
}

/** A square that holds x with xMm ≤ x < xMm + sideMm, and y likewise. */
export interface Bounds {
  readonly xMm: number
  readonly yMm: number
  readonly sideMm: number
}

const hasCourse = (motion: Motion): boolean => motion.vxMmPerTick !== 0 || motion.vyMmPerTick !== 0

export const isMoving = (motion: Motion): boolean => motion.untilTick > motion.sinceTick && hasCourse(motion)

/** Stands at the border, and would go on over it: a course of which not one tick is left. */
export const isLeaning = (motion: Motion): boolean =>
  motion.untilTick === motion.sinceTick && hasCourse(motion)

/** Where the next tick of its course would take it, from where it stands. */
export const nextStep = (motion: Motion): Position => ({
  xMm: motion.xMm + motion.vxMmPerTick,
  yMm: motion.yMm + motion.vyMmPerTick,
})

export function leaning(at: Position, { vxMmPerTick, vyMmPerTick }: Course, tick: number): Motion {
  return { xMm: at.xMm, yMm: at.yMm, vxMmPerTick, vyMmPerTick, sinceTick: tick, untilTick: tick }
}

/** The exact position at a tick: whole millimetres. Before `sinceTick` it is the start. */
export function positionAt(motion: Motion, tick: number): Position {
  const last = tick < motion.untilTick ? tick : motion.untilTick
  const ticks = last > motion.sinceTick ? last - motion.sinceTick : 0
  return { xMm: motion.xMm + motion.vxMmPerTick * ticks, yMm: motion.yMm + motion.vyMmPerTick * ticks }
}

export function standing(xMm: number, yMm: number, tick: number): Motion {
  return { xMm, yMm, vxMmPerTick: 0, vyMmPerTick: 0, sinceTick: tick, untilTick: tick }
}

/** Moves from a position until the border or for `maxTicks`. Stands when not even one tick fits. */
export function moving(
  bounds: Bounds,
  from: Position,
  vxMmPerTick: number,
  vyMmPerTick: number,
  tick: number,
  maxTicks = Number.MAX_SAFE_INTEGER,
): Motion {
  const ticks = Math.min(
    ticksInside(bounds.xMm, bounds.sideMm, from.xMm, vxMmPerTick),
    ticksInside(bounds.yMm, bounds.sideMm, from.yMm, vyMmPerTick),
    maxTicks,
  )
  if (ticks <= 0 || (vxMmPerTick === 0 && vyMmPerTick === 0)) return standing(from.xMm, from.yMm, tick)
  return { xMm: from.xMm, yMm: from.yMm, vxMmPerTick, vyMmPerTick, sinceTick: tick, untilTick: tick + ticks }
}

/** Whole ticks for which low ≤ at + v·ticks < low + side. The quotient of safe integers, floored, is exact here: side < 2³². */
function ticksInside(low: number, side: number, at: number, v: number): number {
  if (v === 0) return Number.MAX_SAFE_INTEGER
  return v > 0 ? Math.floor((low + side - 1 - at) / v) : Math.floor((at - low) / -v)
}

export function isInside(bounds: Bounds, xMm: number, yMm: number): boolean {
  return (
    xMm >= bounds.xMm &&
    xMm < bounds.xMm + bounds.sideMm &&
    yMm >= bounds.yMm &&
    yMm < bounds.yMm + bounds.sideMm
  )
}

/** Range first, so that no square passes 2⁵³. */
export function isWithin(a: Position, b: Position, reachMm: number): boolean {
  const dx = a.xMm - b.xMm
  const dy = a.yMm - b.yMm
  if (dx > reachMm || dx < -reachMm || dy > reachMm || dy < -reachMm) return false
  return dx * dx + dy * dy <= reachMm * reachMm
}

/** What grows back by one every `everyTicks`, computed and never ticked. `everyTicks` 0 never grows. */
export function grown(
  value: number,
  sinceTick: number,
  cap: number,
  everyTicks: number,
  tick: number,
): number {
  if (everyTicks === 0 || value >= cap || tick <= sinceTick) return value
  return Math.min(cap, value + Math.floor((tick - sinceTick) / everyTicks))
}
