import { turn } from './sorted.ts'
import {
  EMERGENCY_PERCENT,
  FULL_CALM_TICKS,
  MAX_HOTSPOTS,
  MAX_MERGES,
  MAX_SPLITS,
  MERGE_CALM_TICKS,
  MERGE_LOOKS,
  MERGE_PERCENT,
  MIN_SIDE_MM,
  RUSH_CALM_TICKS,
  RUSH_SAMPLES,
  SPLIT_PERCENT,
} from './tile-limits.ts'
import type { Tile, Tiles } from './tiles.ts'
import { peakPlayers, predictedPlayers } from './trend.ts'

/** `emergency`: it is full. `full`: it is at 80 %. `rush`: it will be full within a minute, if it goes on like that. */
export type SplitReason = 'emergency' | 'full' | 'rush'

export interface Split {
  readonly kind: 'split'
  readonly quadkey: string
  readonly why: SplitReason
}

export interface Merge {
  readonly kind: 'merge'
  /** Of the tile that its four quadrants become. */
  readonly quadkey: string
}

export type Division = Split | Merge

/** A tile that would be split if it could. */
export interface Hotspot {
  readonly quadkey: string
  readonly players: number
  /** Of its capacity. */
  readonly percent: number
  readonly why: SplitReason
  /** At the smallest size: it can only be divided by entity. */
  readonly isSmallest: boolean
}

/** Which tiles split, the fullest first, and which merge. The same facts give the same decisions everywhere. */
export function divide(tiles: Tiles, tick: number): Division[] {
  const splits = urgentFirst(tiles, tick)
    .filter(({ tile }) => !tile.isBusy && tile.sideMm > MIN_SIDE_MM)
    .slice(0, MAX_SPLITS)
  const merges: Merge[] = []
  for (const parent of turn(tiles.parents, tick, MERGE_LOOKS)) {
    if (merges.length === MAX_MERGES) break
    if (areIdle(tiles.childrenOf(parent) ?? [], tick)) merges.push({ kind: 'merge', quadkey: parent })
  }
  return [...splits.map(({ tile, why }): Split => ({ kind: 'split', quadkey: tile.quadkey, why })), ...merges]
}

/** What is full, fills or can't be split any more, the fullest first; at most `MAX_HOTSPOTS`. */
export function hotspots(tiles: Tiles, tick: number): Hotspot[] {
  return urgentFirst(tiles, tick)
    .slice(0, MAX_HOTSPOTS)
    .map(({ tile, why }) => ({
      quadkey: tile.quadkey,
      players: tile.players,
      percent: percentOf(tile),
      why,
      isSmallest: tile.sideMm <= MIN_SIDE_MM,
    }))
}

function urgentFirst(tiles: Tiles, tick: number): { tile: Tile; why: SplitReason }[] {
  const found: { tile: Tile; why: SplitReason }[] = []
  for (const quadkey of tiles.crowded) {
    const tile = tiles.tile(quadkey)!
    const why = reasonToSplit(tile, tick)
    if (why !== undefined) found.push({ tile, why })
  }
  // A stable sort: of two that are as full the one with the smaller quadkey comes first.
  return found.sort((a, b) => percentOf(b.tile) - percentOf(a.tile))
}

function reasonToSplit(tile: Tile, tick: number): SplitReason | undefined {
  const { capacity, trend, sinceTick } = tile
  const percent = percentOf(tile)
  const age = tick - sinceTick
  if (percent >= EMERGENCY_PERCENT) return 'emergency'
  if (percent >= SPLIT_PERCENT && age >= FULL_CALM_TICKS) return 'full'
  const isRush = trend.rising >= RUSH_SAMPLES && predictedPlayers(trend) >= capacity
  return isRush && age >= RUSH_CALM_TICKS ? 'rush' : undefined
}

/** Few players now, for some time, and in what is coming; none of them new. */
function areIdle(four: readonly Tile[], tick: number): boolean {
  if (four.length === 0) return false
  if (four.some(({ isBusy, sinceTick }) => isBusy || tick - sinceTick < MERGE_CALM_TICKS)) return false
  const most = (tile: Tile): number =>
    Math.max(tile.players, peakPlayers(tile.trend), predictedPlayers(tile.trend))
  const sum = four.reduce((players, tile) => players + most(tile), 0)
  const capacity = Math.min(...four.map(tile => tile.capacity))
  return sum * 100 < capacity * MERGE_PERCENT
}

function percentOf({ players, capacity }: Tile): number {
  return Math.floor((players * 100) / capacity)
}
