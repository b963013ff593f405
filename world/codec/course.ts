/** A course as one number: vx · 2¹⁶ + vy, mm per tick. What a look at a course carries. */
export interface Course {
  readonly vxMmPerTick: number
  readonly vyMmPerTick: number
}

const SCALE = 65_536

export const encodeCourse = ({ vxMmPerTick, vyMmPerTick }: Course): number =>
  vxMmPerTick * SCALE + vyMmPerTick

/** For velocities of i16, as all are. */
export function decodeCourse(value: number): Course {
  const vxMmPerTick = Math.floor((value + SCALE / 2) / SCALE)
  return { vxMmPerTick, vyMmPerTick: value - vxMmPerTick * SCALE }
}
