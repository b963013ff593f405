/** `npm run sim:finality`: the members of an authority, some of them liars, under virtual time, one seed after another. */
import { parseArgs } from 'node:util'
import { FINALITY_BUGS } from '../bugs/finality.ts'
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

const USAGE = 2
const MEMBERS = [3, 7] as const

const number = (
  name: 'seed' | 'seeds' | 'members' | 'liars',
  least: number,
  most: number,
): number | undefined => {
  const text = values[name]
  const value = Number(text)
  if (text === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) {
    return text === undefined ? undefined : value
  }
  console.error(`--${name} must be a whole number from ${least} to ${most}.`)
  process.exit(USAGE)
}
const first = number('seed', 1, 2 ** 31)!
const seeds = number('seeds', 1, 2 ** 31)!
const given = { members: number('members', ...MEMBERS), liars: number('liars', 0, MEMBERS[1] - 2) }
if (values.bug !== undefined && !FINALITY_BUGS.some(({ name }) => name === values.bug)) {
  const names = FINALITY_BUGS.map(({ name }) => name).join(', ')
  console.error(`There is no planted bug ${values.bug} of finality: choose from ${names}.`)
  process.exit(USAGE)
}
const url = import.meta.resolve('./run.ts')
const { runFinality } = await importUnder<typeof import('./run.ts')>(values.bug, url)
const sums = new Map<string, number>()
let failed = 0
for (let seed = first; seed < first + seeds; seed++) runSeed({ seed, ...given })
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
    const flags = (['members', 'liars', 'bug'] as const)
      .filter(name => values[name] !== undefined)
      .map(name => ` --${name} ${values[name]}`)
    // A broken rule speaks for itself; anything else is a fault of the program.
    const isViolation = (error as Error).name === 'Violation'
    console.error(
      `seed ${plan.seed} FAILED: ${isViolation ? (error as Error).message : (error as Error).stack}`,
    )
    console.error(`replay: npm run sim:finality -- --seed ${plan.seed}${flags.join('')}`)
  }
}

function add(more: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(more)) sums.set(name, (sums.get(name) ?? 0) + value)
}
