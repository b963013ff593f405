import type { SimulationPlan } from './authorities/run.ts'
import { importUnder } from './bugs/plant.ts'
import type { Story } from './story.ts'

const AUTHORITIES = import.meta.resolve('./authorities/run.ts')

/** What came of one seed; plain data, so that it can cross from one process to another. */
export interface Outcome {
  readonly seed: number
  /** Hex SHA-256 over all that happened; empty when the process ended over it. */
  readonly trace: string
  readonly virtualMs: number
  readonly faults: readonly (readonly [string, number])[]
  readonly counters: readonly (readonly [string, number])[]
  /** What went wrong; undefined when nothing did. */
  readonly problem: string | undefined
}

/** `story`: what happened is told there, and at its end what was wrong. */
export async function outcomeOf(plan: SimulationPlan, story?: Story): Promise<Outcome> {
  const { seed } = plan
  const { runAuthorities, SimulationError } = await importUnder<typeof import('./authorities/run.ts')>(
    plan.bug,
    AUTHORITIES,
  )
  try {
    const { trace, virtualMs, faults, counters } = await runAuthorities(plan, story)
    return { seed, trace, virtualMs, faults: [...faults], counters: [...counters], problem: undefined }
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error
    const { trace, virtualMs, faults, counters } = error.result
    story?.tell(virtualMs, 'FOUND', error.message)
    return { seed, trace, virtualMs, faults: [...faults], counters: [...counters], problem: error.message }
  }
}

export async function* inThisProcess(
  plans: readonly SimulationPlan[],
  story?: Story,
): AsyncGenerator<Outcome> {
  for (const plan of plans) yield await outcomeOf(plan, story)
}
