/** `npm run sim`: whole networks of authorities under virtual time, one seed after another. */
import { writeFileSync } from 'node:fs'
import { inProcesses } from './jobs.ts'
import { commandOf, type SimOptions, simOptions } from './options.ts'
import { inThisProcess } from './outcome.ts'
import { Story } from './story.ts'
import { Summary, sorted } from './summary.ts'

const FAILED = 1
const USAGE = 2
const INTERRUPTED = 130

const options = optionsOrExit()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(INTERRUPTED))
process.exit(await main(options))

function optionsOrExit(): SimOptions {
  try {
    return simOptions(process.argv.slice(2))
  } catch (error) {
    console.error((error as Error).message)
    process.exit(USAGE)
  }
}

async function main({ plan, plans, jobs, story: file, json, quiet }: SimOptions): Promise<number> {
  const startMs = performance.now()
  const seeds = plans.length
  if (!quiet && seeds > 1) console.log(`${seeds} seeds from ${plan.seed} on`)
  const summary = new Summary(plans)
  const story = file === undefined ? undefined : new Story()
  for await (const outcome of jobs === 1 ? inThisProcess(plans, story) : inProcesses(plans, jobs)) {
    summary.add(outcome)
    const { seed, trace, problem } = outcome
    if (!quiet || problem !== undefined) console.log(`trace ${trace || 'none'} seed ${seed}`)
    if (problem !== undefined)
      console.error(`seed ${seed} FAILED: ${problem}\nreplay: ${summary.failed.at(-1)!.replay}`)
  }
  if (file !== undefined) writeFileSync(file, `${commandOf(plan)}\n${story!.lines.join('\n')}\n`)
  const wallMs = Math.round(performance.now() - startMs)
  if (json) console.log(JSON.stringify({ ...summary.toJSON(), wallMs }))
  else say(summary, wallMs)
  const absent = summary.absentFaults()
  if (absent.length > 0) console.error(`These faults never happened in ${seeds} seeds: ${absent.join(', ')}.`)
  return summary.failed.length + absent.length === 0 ? 0 : FAILED
}

function say({ seeds, failed, faults, counters }: Summary, wallMs: number): void {
  const list = (sums: ReadonlyMap<string, number>): string =>
    Object.entries(sorted(sums))
      .map(([name, value]) => `${name} ${value}`)
      .join(', ') || 'none'
  console.log(`faults: ${list(faults)}`)
  console.log(`counters: ${list(counters)}`)
  console.log(`${seeds - failed.length} of ${seeds} seeds passed in ${Math.round(wallMs / 1000)} s`)
}
