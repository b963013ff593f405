import { insert, remove } from './sorted.ts'
import { BASE_SIDE_MM, RUSH_PERCENT } from './tile-limits.ts'
import type { Trend } from './trend.ts'

/** A leaf of the quadtree: a tile that an authority holds. */
export interface Tile {
  readonly quadkey: string
  readonly sideMm: number
  /** Players that it is made for. */
  readonly capacity: number
  readonly players: number
  readonly trend: Trend
  /** The tick of the split, merge or first use that made it. */
  readonly sinceTick: number
  /** It is being split or merged, changes its members, or is lost. */
  readonly isBusy: boolean
}

/** The leaves as splits and merges are decided on. All in it follows from the last facts of each, in whatever order they came. */
export class Tiles {
  readonly #tiles = new Map<string, Tile>()
  readonly #crowded: string[] = []
  /** Parents of tiles that are the first of four. */
  readonly #parents: string[] = []

  put(tile: Tile): void {
    this.drop(tile.quadkey)
    this.#tiles.set(tile.quadkey, tile)
    if (tile.players * 100 >= tile.capacity * RUSH_PERCENT) insert(this.#crowded, tile.quadkey)
    if (tile.quadkey.endsWith('0') && tile.sideMm < BASE_SIDE_MM)
      insert(this.#parents, parentOf(tile.quadkey))
  }

  drop(quadkey: string): void {
    if (!this.#tiles.delete(quadkey)) return
    remove(this.#crowded, quadkey)
    if (quadkey.endsWith('0')) remove(this.#parents, parentOf(quadkey))
  }

  tile(quadkey: string): Tile | undefined {
    return this.#tiles.get(quadkey)
  }

  /** Tiles that are at least half full, ascending, as are the parents. */
  get crowded(): readonly string[] {
    return this.#crowded
  }

  get parents(): readonly string[] {
    return this.#parents
  }

  /** The four, when all of them are leaves. */
  childrenOf(parent: string): readonly Tile[] | undefined {
    const tiles = [0, 1, 2, 3].map(quadrant => this.#tiles.get(parent + quadrant))
    return tiles.every(tile => tile !== undefined) ? tiles : undefined
  }
}

export function parentOf(quadkey: string): string {
  return quadkey.slice(0, -1)
}
