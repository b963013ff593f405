/** Where things are between two messages: positions are analytic, so nothing has to be sent while a course holds. */

export interface Course {
  readonly xMm: number
  readonly yMm: number
  readonly vxMmPerTick: number
  readonly vyMmPerTick: number
  readonly sinceTick: number
  readonly untilTick: number
}

export interface Point {
  readonly xMm: number
  readonly yMm: number
}

/** `tick` may be a fraction: the rules know whole ticks only, the eye wants what is between. */
export function positionAt(course: Course, tick: number): Point {
  const ticks = Math.max(0, Math.min(tick, course.untilTick) - course.sinceTick)
  return { xMm: course.xMm + course.vxMmPerTick * ticks, yMm: course.yMm + course.vyMmPerTick * ticks }
}

export function isMoving(course: Course, tick: number): boolean {
  return (course.vxMmPerTick !== 0 || course.vyMmPerTick !== 0) && tick < course.untilTick
}

/** A guess further off than this jumps; a nearer one drifts, so that the network's jitter isn't seen. */
const JUMP_TICKS = 6
const DRIFT_PER_FRAME = 0.06
/** A guess that stands still (its area's leader is gone) is not run away from. */
const MAX_AHEAD_TICKS = 2

/** Follows an area's guessed tick evenly. */
export class SmoothTick {
  readonly #tickMs: number
  #shown: number | undefined
  #atMs = 0

  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  follow(guess: number, nowMs: number): number {
    const on =
      this.#shown === undefined ? guess : this.#shown + Math.max(0, nowMs - this.#atMs) / this.#tickMs
    const error = guess - on
    const even = Math.abs(error) > JUMP_TICKS ? guess : on + error * DRIFT_PER_FRAME
    this.#shown = Math.min(even, guess + MAX_AHEAD_TICKS)
    this.#atMs = nowMs
    return this.#shown
  }
}
