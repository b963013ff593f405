/** A process that runs the seeds that `jobs.ts` sends it, one after another. */
import type { SimulationPlan } from './authorities/run.ts'
import { outcomeOf } from './outcome.ts'

process.on('message', (plan: SimulationPlan) => {
  void outcomeOf(plan).then(outcome => process.send!(outcome))
})
process.on('disconnect', () => process.exit(0))
