import type { Placed } from '../model/entities.ts'
import { type Camera, type Size, toScreen } from './camera.ts'

const REACH_PX = 14

/** The nearest thing under a finger; people first, since they are what one wants in a crowd. */
export function pick(
  placed: readonly Placed[],
  camera: Camera,
  size: Size,
  x: number,
  y: number,
): Placed | undefined {
  let best: Placed | undefined
  let bestPx = REACH_PX
  for (const it of placed) {
    const at = toScreen(camera, size, it)
    const preference = it.entity.kind === 'character' ? 0 : 3
    const px = Math.hypot(at.x - x, at.y - y) + preference
    if (px >= bestPx) continue
    best = it
    bestPx = px
  }
  return best
}
