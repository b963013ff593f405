/**
 * What a source still has of a log beside its leaves: the file `kept`.
 *
 *   freehold.kept/v1
 *   bodies <leaf>      those of this leaf and all behind it; a multiple of 256, or the log's size
 *   snapshot <size>    a state that replay may begin with, each a line, ascending
 */
import { fromDecimal } from '../verify/bytes.ts'

const HEAD = 'freehold.kept/v1'
export const MAX_KEPT_BYTES = 4096
const maxSnapshots = 16

export interface Kept {
  readonly bodiesFrom: number
  /** Leaves in the log at each. */
  readonly snapshots: readonly number[]
}

export const EVERYTHING: Kept = { bodiesFrom: 0, snapshots: [] }

export function formatKept({ bodiesFrom, snapshots }: Kept): string {
  return [HEAD, `bodies ${bodiesFrom}`, ...snapshots.map(size => `snapshot ${size}`), ''].join('\n')
}

/** Undefined unless it is what `formatKept` makes. */
export function parseKept(text: string): Kept | undefined {
  if (text.length > MAX_KEPT_BYTES) return undefined
  const [head, bodies, ...rest] = text.split('\n')
  if (head !== HEAD || rest.pop() !== '' || rest.length > maxSnapshots) return undefined
  const bodiesFrom = numberOf(bodies, 'bodies ')
  const snapshots = rest.map(line => numberOf(line, 'snapshot '))
  if (bodiesFrom === undefined || snapshots.includes(undefined)) return undefined
  const kept = { bodiesFrom, snapshots: snapshots as number[] }
  const rise = kept.snapshots.every((size, i) => size > (kept.snapshots[i - 1] ?? 0))
  return rise && formatKept(kept) === text ? kept : undefined
}

function numberOf(line: string | undefined, name: string): number | undefined {
  return line?.startsWith(name) ? fromDecimal(line.slice(name.length)) : undefined
}
