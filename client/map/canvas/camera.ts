import type { Point } from '../model/motion.ts'

/** The middle of the view in the world, and how much of the world one CSS pixel shows. */
export interface Camera extends Point {
  readonly mmPerPx: number
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** In the world's millimetres; x grows to the right (east), y upwards (north). */
export interface Box {
  readonly left: number
  readonly right: number
  readonly bottom: number
  readonly top: number
}

const MIN_MM_PER_PX = 20
const MAX_MM_PER_PX = 4_000_000
const clampZoom = (mmPerPx: number): number => Math.min(MAX_MM_PER_PX, Math.max(MIN_MM_PER_PX, mmPerPx))

export const toScreen = (camera: Camera, size: Size, point: Point) => ({
  x: (point.xMm - camera.xMm) / camera.mmPerPx + size.width / 2,
  y: (camera.yMm - point.yMm) / camera.mmPerPx + size.height / 2,
})

export const toWorld = (camera: Camera, size: Size, x: number, y: number): Point => ({
  xMm: camera.xMm + (x - size.width / 2) * camera.mmPerPx,
  yMm: camera.yMm - (y - size.height / 2) * camera.mmPerPx,
})

export const pan = (camera: Camera, dx: number, dy: number): Camera => ({
  ...camera,
  xMm: camera.xMm - dx * camera.mmPerPx,
  yMm: camera.yMm + dy * camera.mmPerPx,
})

/** Zooms so that the world's point under (x, y) stays there. `factor` < 1 goes nearer. */
export function zoomAt(camera: Camera, size: Size, x: number, y: number, factor: number): Camera {
  const mmPerPx = clampZoom(camera.mmPerPx * factor)
  const fixed = toWorld(camera, size, x, y)
  return {
    mmPerPx,
    xMm: fixed.xMm - (x - size.width / 2) * mmPerPx,
    yMm: fixed.yMm + (y - size.height / 2) * mmPerPx,
  }
}

const MARGIN = 1.25
const SMALLEST_VIEW_MM = 120_000

export function fitBox(box: Box, size: Size): Camera {
  const widthMm = Math.max(box.right - box.left, SMALLEST_VIEW_MM) * MARGIN
  const heightMm = Math.max(box.top - box.bottom, SMALLEST_VIEW_MM) * MARGIN
  return {
    xMm: (box.left + box.right) / 2,
    yMm: (box.top + box.bottom) / 2,
    mmPerPx: clampZoom(Math.max(widthMm / size.width, heightMm / size.height)),
  }
}

export function boxOf(points: readonly Point[]): Box | undefined {
  if (points.length === 0) return undefined
  const xs = points.map(point => point.xMm)
  const ys = points.map(point => point.yMm)
  return { left: Math.min(...xs), right: Math.max(...xs), bottom: Math.min(...ys), top: Math.max(...ys) }
}

/** The box that holds most of them: a few wanderers far away must not make the town a dot. */
export function townBox(points: readonly Point[]): Box | undefined {
  if (points.length < 8) return boxOf(points)
  const within = (values: number[]): readonly [number, number] => {
    const sorted = values.sort((a, b) => a - b)
    const cut = Math.floor(sorted.length * 0.04)
    return [sorted[cut]!, sorted[sorted.length - 1 - cut]!]
  }
  const [left, right] = within(points.map(point => point.xMm))
  const [bottom, top] = within(points.map(point => point.yMm))
  return { left, right, bottom, top }
}

/** Half of the view's diagonal, in the world. */
export const viewRadiusMm = (camera: Camera, size: Size): number =>
  (Math.hypot(size.width, size.height) / 2) * camera.mmPerPx

export function between(from: Camera, to: Camera, part: number): Camera {
  const eased = 1 - (1 - part) ** 3
  const mix = (a: number, b: number) => a + (b - a) * eased
  return {
    xMm: mix(from.xMm, to.xMm),
    yMm: mix(from.yMm, to.yMm),
    mmPerPx: Math.exp(mix(Math.log(from.mmPerPx), Math.log(to.mmPerPx))),
  }
}
