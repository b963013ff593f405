/** The numbers of splits and merges. Time is in ticks of the directory, about a second each. */

export const BASE_SIDE_MM = 10_000_000
export const MIN_SIDE_MM = 2_500_000

/** Of a tile's capacity. */
export const SPLIT_PERCENT = 80
export const EMERGENCY_PERCENT = 100
/** Four siblings together. */
export const MERGE_PERCENT = 40
/** Below this no trend splits a tile. */
export const RUSH_PERCENT = 50

export const SAMPLE_TICKS = 10
/** How far ahead a trend is followed, and for how many samples it must have risen. */
export const HORIZON_TICKS = 60
export const RUSH_SAMPLES = 3
/** What was a tile's most falls by this part of its capacity with each sample: from 80 % to a quarter of 40 % in 12 minutes. */
export const PEAK_FALLS_BY = 100

/** A tile that was just made is left alone for so long, unless it is full. */
export const FULL_CALM_TICKS = 10
export const RUSH_CALM_TICKS = 120
export const MERGE_CALM_TICKS = 300

/** Decisions of one tick, and families of siblings that it looks at. */
export const MAX_SPLITS = 8
export const MAX_MERGES = 2
export const MERGE_LOOKS = 64
export const MAX_HOTSPOTS = 64
