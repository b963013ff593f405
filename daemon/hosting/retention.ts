import { type BodiesHere, missingAt } from '../../storage/log/bodies-here.ts'
import { tileWidth } from '../../storage/log/tree.ts'

/** Which records' bodies a node keeps: all, the newest so many, or those of the newest so many milliseconds. */
export type KeepBodies =
  | { readonly kind: 'all' }
  | { readonly kind: 'records'; readonly records: number }
  | { readonly kind: 'time'; readonly ms: number }

const hourMs = 3_600_000
const unitMs: Readonly<Record<string, number>> = { h: hourMs, d: 24 * hourMs }

export const keepBodiesPattern = /^(?:all|[1-9]\d{0,11}|[1-9]\d{0,4}[hd])$/

/** @param text `all`, a number of records, or a time such as `36h` or `30d`; matches the pattern above */
export function parseKeepBodies(text: string): KeepBodies {
  if (text === 'all') return { kind: 'all' }
  const unit = unitMs[text.at(-1)!]
  if (unit === undefined) return { kind: 'records', records: Number(text) }
  return { kind: 'time', ms: Number(text.slice(0, -1)) * unit }
}

/** What is dropped in one batch: some 150 KB are written, and read a moment before. */
const stepLeaves = 16 * tileWidth

export interface DropAsked {
  readonly keep: KeepBodies
  readonly here: BodiesHere
  /** Leaves in the log. */
  readonly size: number
  /** Leaves of which nobody here needs the bodies: below a kept snapshot and a final seal. */
  readonly settledSize: number
}

/**
 * Below which leaf the bodies may go next; undefined while none may. Where time decides, they may only when what follows
 * them is old enough too.
 */
export function nextDrop({ keep, here, size, settledSize }: DropAsked): number | undefined {
  if (keep.kind === 'all') return undefined
  const most = keep.kind === 'records' ? size - keep.records : size
  const to = Math.min(here.from + stepLeaves, settledSize, most)
  const whole = Math.floor(to / tileWidth) * tileWidth
  return whole > here.from ? whole : undefined
}

/** Bodies that a catch-up left out and the policy wants are fetched later; these leaves first. */
export function nextFill({ keep, here, size }: DropAsked): { from: number; to: number } | undefined {
  const { gapFrom, gapTo } = here
  if (gapFrom >= gapTo) return undefined
  // What would go at once again is not fetched.
  if (keep.kind === 'records' && missingAt(here, gapFrom) !== undefined && gapTo <= size - keep.records)
    return undefined
  return { from: gapFrom, to: Math.min(gapTo, gapFrom + stepLeaves) }
}
