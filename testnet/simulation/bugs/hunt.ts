/** One bug, hunted from several seeds: prints a line of JSON. A process of its own, started by medians.ts. */
import type { SimulationPlan } from '../authorities/run.ts'
import { outcomeOf } from '../outcome.ts'
import { checkOf } from './checks.ts'

export interface HuntPlan {
  /** Names the bug. */
  readonly plan: SimulationPlan
  readonly starts: readonly number[]
  /** Seeds from each start, at most. */
  readonly most: number
}

export interface Hunt {
  /** For each start how many seeds it took, null when the bug wasn't caught. */
  readonly seeds: readonly (number | null)[]
  /** By check, how often it was the one that caught the bug. */
  readonly checks: Readonly<Record<string, number>>
}

console.log(JSON.stringify(await hunt(JSON.parse(process.argv[2]!) as HuntPlan)))

async function hunt({ plan, starts, most }: HuntPlan): Promise<Hunt> {
  const checks: Record<string, number> = {}
  const seeds: (number | null)[] = []
  for (const start of starts) {
    const caught = await hunted(plan, start, most)
    seeds.push(caught?.seeds ?? null)
    if (caught !== undefined) checks[caught.check] = (checks[caught.check] ?? 0) + 1
    // The median is beyond the most already.
    if (2 * seeds.filter(each => each === null).length > starts.length) break
  }
  return { seeds, checks }
}

async function hunted(
  plan: SimulationPlan,
  start: number,
  most: number,
): Promise<{ seeds: number; check: string } | undefined> {
  for (let seeds = 1; seeds <= most; seeds++) {
    const { problem } = await outcomeOf({ ...plan, seed: start + seeds - 1 })
    if (problem !== undefined) return { seeds, check: checkOf(problem) ?? `not a check: ${problem}` }
  }
  return undefined
}
