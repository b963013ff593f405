import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { SimulationPlan } from './authorities/run.ts'
import type { Outcome } from './outcome.ts'

const WORKER = new URL('./worker.ts', import.meta.url)

/** Runs the seeds in so many processes at a time, and gives what came of them in the order of the seeds. */
export async function* inProcesses(plans: readonly SimulationPlan[], jobs: number): AsyncGenerator<Outcome> {
  const waiting = plans.map(() => Promise.withResolvers<Outcome>())
  const workers = new Set<ChildProcess>()
  let next = 0
  const work = async (): Promise<void> => {
    let worker: ChildProcess | undefined
    while (next < plans.length) {
      const at = next++
      if (worker?.connected !== true) {
        worker = fork(WORKER)
        workers.add(worker)
      }
      waiting[at]!.resolve(await runOn(worker, plans[at]!))
    }
    worker?.disconnect()
  }
  const endAll = (): void => {
    for (const worker of workers) worker.kill('SIGKILL')
  }
  process.once('exit', endAll)
  for (let i = 0; i < jobs; i++) void work()
  for (const { promise } of waiting) yield await promise
  process.off('exit', endAll)
}

/** A process that ends over a seed has failed it. */
async function runOn(worker: ChildProcess, plan: SimulationPlan): Promise<Outcome> {
  const ended = new AbortController()
  const { signal } = ended
  const answered = once(worker, 'message', { signal }).then(([outcome]) => outcome as Outcome)
  const gone = once(worker, 'exit', { signal }).then(
    ([code, by]): Outcome => ({
      seed: plan.seed,
      trace: '',
      virtualMs: 0,
      faults: [],
      counters: [],
      problem: `the process that ran it ended (${by ?? `exit code ${code}`})`,
    }),
  )
  worker.send(plan)
  try {
    return await Promise.race([answered, gone])
  } finally {
    answered.catch(() => {})
    gone.catch(() => {})
    ended.abort()
  }
}
