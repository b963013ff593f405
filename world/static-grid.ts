import { isWithin, type Position } from './motion.ts'

/** Something that never moves: a square of side 2 × halfMm. */
export interface Spot extends Position {
  readonly id: string
  readonly halfMm: number
}

const CELL_MM = 16_000
/** No footprint is wider than this, so neighbours of a cell are enough for an overlap. */
const MAX_HALF_MM = 3_000

/** Finds resources and structures by place. Its answers don't depend on the order of insertion, which a restore changes. */
export class StaticGrid {
  private readonly cells = new Map<string, Spot[]>()

  add(spot: Spot): void {
    const key = cellKey(Math.floor(spot.xMm / CELL_MM), Math.floor(spot.yMm / CELL_MM))
    const cell = this.cells.get(key)
    if (cell) cell.push(spot)
    else this.cells.set(key, [spot])
  }

  overlaps(xMm: number, yMm: number, halfMm: number): boolean {
    for (const spot of this.near(xMm, yMm, halfMm + MAX_HALF_MM)) {
      const apart = halfMm + spot.halfMm
      if (Math.abs(spot.xMm - xMm) < apart && Math.abs(spot.yMm - yMm) < apart) return true
    }
    return false
  }

  /** The nearest that `accept` takes, the smaller id when two are as near. */
  nearest(at: Position, reachMm: number, accept: (id: string) => boolean): Spot | undefined {
    let best: Spot | undefined
    let bestSquare = 0
    for (const spot of this.near(at.xMm, at.yMm, reachMm)) {
      if (!isWithin(at, spot, reachMm) || !accept(spot.id)) continue
      const dx = spot.xMm - at.xMm
      const dy = spot.yMm - at.yMm
      const square = dx * dx + dy * dy
      if (best && (square > bestSquare || (square === bestSquare && spot.id > best.id))) continue
      best = spot
      bestSquare = square
    }
    return best
  }

  private *near(xMm: number, yMm: number, reachMm: number): Iterable<Spot> {
    const toX = Math.floor((xMm + reachMm) / CELL_MM)
    const toY = Math.floor((yMm + reachMm) / CELL_MM)
    for (let cx = Math.floor((xMm - reachMm) / CELL_MM); cx <= toX; cx++) {
      for (let cy = Math.floor((yMm - reachMm) / CELL_MM); cy <= toY; cy++) {
        yield* this.cells.get(cellKey(cx, cy)) ?? []
      }
    }
  }
}

const cellKey = (cx: number, cy: number): string => `${cx},${cy}`
