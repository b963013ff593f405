/** `npm run sim`: whole networks of authorities under virtual time, one seed after another. */
import { parseArgs } from 'node:util'
import { type FaultName, faultNames } from './authorities/faults/list.ts'
import { PLANTED_BUGS, type PlantedBug } from './authorities/planted.ts'
import { runAuthorities, type SimulationPlan } from './authorities/run.ts'

const USAGE = 2
const DEFAULTS = { seed: 1, nodes: 5, seconds: 30, clients: 8, areas: 3 }

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    nodes: { type: 'string' },
    seconds: { type: 'string' },
    clients: { type: 'string' },
    areas: { type: 'string' },
    faults: { type: 'string', default: 'all' },
    bug: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
})

const whole = (name: keyof typeof DEFAULTS | 'seeds', fallback: number, least: number): number => {
  const value = values[name] === undefined ? fallback : Number(values[name])
  if (Number.isSafeInteger(value) && value >= least) return value
  console.error(`--${name} must be a whole number, at least ${least}.`)
  process.exit(USAGE)
}

const plan = {
  seed: whole('seed', DEFAULTS.seed, 1),
  nodes: whole('nodes', DEFAULTS.nodes, 1),
  seconds: whole('seconds', DEFAULTS.seconds, 1),
  clients: whole('clients', DEFAULTS.clients, 1),
  areas: whole('areas', DEFAULTS.areas, 1),
  faults: chosenFaults(values.faults),
}
const seeds = whole('seeds', 1, 1)
const bug = values.bug as PlantedBug | undefined
if (bug !== undefined && !PLANTED_BUGS.includes(bug)) {
  console.error(`There is no planted bug ${bug}: choose from ${PLANTED_BUGS.join(', ')}.`)
  process.exit(USAGE)
}

const faults = new Map<string, number>()
const counters = new Map<string, number>()
let failed = 0
for (let seed = plan.seed; seed < plan.seed + seeds; seed++) await runSeed({ ...plan, seed, bug })
print('faults', faults)
print('counters', counters)
console.log(`${seeds - failed} of ${seeds} seeds passed`)
process.exit(failed === 0 ? 0 : 1)

async function runSeed(one: SimulationPlan): Promise<void> {
  const startMs = performance.now()
  try {
    const result = await runAuthorities(one)
    add(faults, result.faults)
    add(counters, result.counters)
    const tookMs = Math.round(performance.now() - startMs)
    if (!values.quiet)
      console.log(`seed ${one.seed}: trace ${result.trace} (${result.virtualMs} ms in ${tookMs} ms)`)
  } catch (error) {
    failed++
    console.error(`seed ${one.seed} FAILED: ${(error as Error).message}`)
    if (!(error instanceof Error && error.cause instanceof Error)) console.error(error)
    console.error(`replay: ${replayOf(one)}`)
  }
}

function chosenFaults(list: string): readonly FaultName[] {
  try {
    return faultNames(list)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(USAGE)
  }
}

function replayOf({ seed, nodes, seconds, clients, areas }: SimulationPlan): string {
  const planted = bug === undefined ? '' : ` --bug ${bug}`
  const chosen = values.faults === 'all' ? '' : ` --faults ${values.faults}`
  return `npm run sim -- --seed ${seed} --nodes ${nodes} --seconds ${seconds} --clients ${clients} --areas ${areas}${chosen}${planted}`
}

function add(sums: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, value] of more) {
    const known = sums.get(name) ?? 0
    sums.set(name, name.startsWith('longest') ? Math.max(known, value) : known + value)
  }
}

function print(title: string, sums: ReadonlyMap<string, number>): void {
  const parts = [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name} ${value}`)
  console.log(`${title}: ${parts.join(', ') || 'none'}`)
}
