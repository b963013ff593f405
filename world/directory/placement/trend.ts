import { HORIZON_TICKS, PEAK_FALLS_BY, SAMPLE_TICKS } from './tile-limits.ts'

/**
 * Where a tile's number of players is going: Holt's linear method (double exponential smoothing; C. C. Holt, 1957), in
 * thousandths of a player, with the weights 1/2 for the level and for the slope. The directory keeps one per tile.
 */
export interface Trend {
  /** Of the last sample. */
  readonly tick: number
  readonly level: number
  /** Per sample. */
  readonly slope: number
  /** Samples in a row that were above the level before. */
  readonly rising: number
  /** The most players lately, or the capacity if that is less; a hundredth of it less with each sample. */
  readonly peak: number
}

const THOUSAND = 1_000
/** Nothing of a trend is left after so many samples without news. */
const MAX_STEPS = 120

export function beginTrend(tick: number, players: number): Trend {
  return { tick, level: players * THOUSAND, slope: 0, rising: 0, peak: players * THOUSAND }
}

/** At each report; what comes before the next sample is due changes nothing. */
export function observe(trend: Trend, tick: number, players: number, capacity: number): Trend {
  const steps = Math.floor((tick - trend.tick) / SAMPLE_TICKS)
  let next = trend
  for (let step = 0; step < Math.min(steps, MAX_STEPS); step++) next = sampled(next, players, capacity)
  return steps <= 0 ? trend : { ...next, tick: trend.tick + steps * SAMPLE_TICKS }
}

function sampled(trend: Trend, players: number, capacity: number): Trend {
  const now = players * THOUSAND
  const full = capacity * THOUSAND
  const level = Math.floor((now + trend.level + trend.slope) / 2)
  return {
    tick: trend.tick,
    level,
    slope: Math.floor((level - trend.level + trend.slope) / 2),
    rising: now > trend.level ? trend.rising + 1 : 0,
    peak: Math.max(Math.min(now, full), Math.min(trend.peak, full) - Math.floor(full / PEAK_FALLS_BY)),
  }
}

/** Players in `HORIZON_TICKS`, if it goes on like that; a fall is not counted on. */
export function predictedPlayers({ level, slope }: Trend): number {
  return Math.floor((level + Math.max(0, slope) * Math.floor(HORIZON_TICKS / SAMPLE_TICKS)) / THOUSAND)
}

export function peakPlayers({ peak }: Trend): number {
  return Math.floor(peak / THOUSAND)
}
