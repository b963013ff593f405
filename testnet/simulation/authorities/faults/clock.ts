import { between, type Fault, type Field, type Node, pick, pickNode } from './fault.ts'

/** Two nodes' monotonic clocks drift apart by less than 5 %: docs/consensus.md rests on it. */
const MAX_DRIFT = 0.024
const MAX_WRONG_MS = 600_000
/** Where members vote, time that is far ahead of their own clocks is not voted for: a real node that is further off ends. */
const MAX_VOTING_WRONG_MS = 300_000
const DAY_MS = 86_400_000

/**
 * What stays wrong to the end of the run, unless another fault changes it again: no promise rests on a right wall clock,
 * nor on monotonic clocks that run better than this.
 */
export const CLOCK_FAULTS = {
  skew: { counters: ['clock-skewed'], inject: skew },
  'clock-jump': { counters: ['clock-jump-forward', 'clock-jump-back'], inject: jump },
  'day-ahead': { counters: ['started-a-day-ahead'], inject: startDayAhead, mendNode: stepBack },
} satisfies Record<string, Fault>

/** Both clocks fast or slow, and the wall clock wrong from the next start on. */
function skew(field: Field): void {
  const { random } = field.simulation
  const node = pickNode(field)
  node.clock.skew = {
    wallOffsetMs: node.alive ? node.clock.skew.wallOffsetMs : withinBounds(field, wrongMs(field)),
    // Mostly as far off as may be: what rests on the bound shows there.
    rate: 1 + MAX_DRIFT * pick(random, [-1, 1, random.between(-1, 1)]),
  }
  field.simulation.countFault('clock-skewed')
}

/** A time server steps the wall clock of a running node. */
function jump(field: Field): void {
  const node = pickNode(field)
  if (node.program === undefined) return
  const offsetMs = node.clock.skew.wallOffsetMs - (isDayAhead(node) ? DAY_MS : 0)
  const byMs = withinBounds(field, offsetMs + wrongMs(field)) - offsetMs
  if (byMs === 0) return
  node.clock.jump(byMs)
  field.simulation.countFault(byMs > 0 ? 'clock-jump-forward' : 'clock-jump-back')
}

function withinBounds({ nodes }: Field, offsetMs: number): number {
  const most = nodes.some(({ program }) => program?.finality) ? MAX_VOTING_WRONG_MS : Number.POSITIVE_INFINITY
  return Math.max(-most, Math.min(most, offsetMs))
}

function startDayAhead(field: Field): void {
  const node = pickNode(field)
  if (isDayAhead(node)) return
  node.crash()
  node.clock.jump(DAY_MS)
  node.start()
  field.simulation.countFault('started-a-day-ahead')
}

function stepBack(field: Field, node: Node): void {
  if (!isDayAhead(node)) return
  node.clock.jump(-DAY_MS)
  if (node.program !== undefined) field.simulation.countFault('clock-jump-back')
}

function isDayAhead(node: Node): boolean {
  return node.clock.skew.wallOffsetMs > DAY_MS / 2
}

/** Ahead or behind, by tens of milliseconds or by minutes. */
function wrongMs({ simulation: { random } }: Field): number {
  return between(random, 10, MAX_WRONG_MS) * (random.chance(0.5) ? 1 : -1)
}
