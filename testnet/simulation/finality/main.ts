/** `npm run sim:finality`: the members of an authority, some of them liars, under virtual time, one seed after another. */
import { parseArgs } from 'node:util'
import { importUnder } from '../bugs/plant.ts'
import type { FinalityPlan } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    members: { type: 'string' },
    liars: { type: 'string' },
    bug: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
})

const { runFinality } = await importUnder<typeof import('./run.ts')>(
  values.bug,
  import.meta.resolve('./run.ts'),
)
const sums = new Map<string, number>()
const first = Number(values.seed)
const seeds = Number(values.seeds)
const number = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text)
let failed = 0
for (let seed = first; seed < first + seeds; seed++)
  runSeed({ seed, members: number(values.members), liars: number(values.liars) })
for (const [name, value] of [...sums].sort()) console.log(`${name}: ${value}`)
console.log(`${seeds - failed} of ${seeds} seeds passed`)
process.exit(failed === 0 ? 0 : 1)

function runSeed(plan: FinalityPlan): void {
  const startedMs = performance.now()
  try {
    const result = runFinality(plan)
    const { trace, members, liars, certificates, conflicts, named, viewsEntered, activations, frames } =
      result
    add({ certificates, conflicts, named, 'views entered': viewsEntered, activations, frames })
    for (const kinds of [result.faults, result.counters]) add(Object.fromEntries(kinds))
    if (result.beyond) add({ 'seeds beyond tolerance': 1 })
    if (values.quiet) return
    const tookMs = Math.round(performance.now() - startedMs)
    console.log(
      `seed ${plan.seed}: trace ${trace.slice(0, 16)}, ${members} members, ${liars} liars, ${certificates} certificates, ${viewsEntered} views entered, ${conflicts} conflicts, ${named} named, ${frames} frames, ${tookMs} ms`,
    )
  } catch (error) {
    failed++
    const given = [
      plan.members === undefined ? '' : ` --members ${plan.members}`,
      plan.liars === undefined ? '' : ` --liars ${plan.liars}`,
    ]
    console.error(`seed ${plan.seed} FAILED: ${(error as Error).stack}`)
    if (values.bug !== undefined) given.push(` --bug ${values.bug}`)
    console.error(`replay: npm run sim:finality -- --seed ${plan.seed}${given.join('')}`)
  }
}

function add(more: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(more)) sums.set(name, (sums.get(name) ?? 0) + value)
}
