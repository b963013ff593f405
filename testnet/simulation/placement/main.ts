/** `npm run sim:placement`: who holds what in networks that change, and which tiles split and merge, one seed after another. */
import { parseArgs } from 'node:util'
import { isOfTiles, PLACEMENT_BUGS } from '../bugs/placement.ts'
import { importUnder } from '../bugs/plant.ts'
import { measureCost } from './cost.ts'
import { killHalves } from './halves.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '20' },
    bug: { type: 'string' },
    halves: { type: 'string' },
    cost: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
})

const USAGE = 2
/** In fewer seeds some fault may well not have happened. */
const ENOUGH_SEEDS = 20
const FAULTS = [
  'death',
  'return',
  'stall',
  'join',
  'leave',
  'ban',
  'drift',
  'surge',
  'crowd',
  'half of all killed',
]

const numberIn = (name: 'seed' | 'seeds' | 'nodes' | 'halves', most: number): number => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  console.error(`--${name} must be a whole number from 1 to ${most}.`)
  process.exit(USAGE)
}
const first = numberIn('seed', 2 ** 31)
const seeds = numberIn('seeds', 2 ** 31)
const nodes = numberIn('nodes', 10_000)
if (values.bug !== undefined && !PLACEMENT_BUGS.some(({ name }) => name === values.bug)) {
  const names = PLACEMENT_BUGS.map(({ name }) => name).join(', ')
  console.error(`There is no planted bug ${values.bug} of placement: choose from ${names}.`)
  process.exit(USAGE)
}
if (values.cost) {
  console.log(JSON.stringify(measureCost(first, nodes)))
  process.exit(0)
}
if (values.halves !== undefined) {
  console.log(JSON.stringify(killHalves(first, nodes, nodes, numberIn('halves', 1_000_000))))
  process.exit(0)
}

type Run = typeof import('./run.ts')
type TilesRun = typeof import('./tiles.ts')
const ofTiles = values.bug !== undefined && isOfTiles(values.bug)
const { runPlacement } = await importUnder<Run>(
  ofTiles ? undefined : values.bug,
  import.meta.resolve('./run.ts'),
)
const { runTiles } = await importUnder<TilesRun>(
  ofTiles ? values.bug : undefined,
  import.meta.resolve('./tiles.ts'),
)
const sums = new Map<string, number>()
let failed = 0
for (let seed = first; seed < first + seeds; seed++) runSeed(seed)
for (const [name, value] of [...sums].sort()) console.log(`${name}: ${value}`)
console.log(`${seeds - failed} of ${seeds} seeds passed`)
const missing = FAULTS.filter(fault => !sums.has(`fault: ${fault}`))
if (seeds >= ENOUGH_SEEDS && missing.length > 0) console.error(`never happened: ${missing.join(', ')}`)
process.exit(failed === 0 && (seeds < ENOUGH_SEEDS || missing.length === 0) ? 0 : 1)

function runSeed(seed: number): void {
  try {
    const placed = runPlacement({ seed, nodes, areas: nodes })
    const tiles = runTiles({ seed })
    add('fault: ', placed.faults)
    add('', placed.decisions)
    add('tile ', tiles.divisions)
    if (values.quiet) return
    console.log(
      `seed ${seed}: trace ${placed.trace.slice(0, 8)}${tiles.trace.slice(0, 8)}, ` +
        `${placed.movesPerAreaHour.toFixed(1)} moves per area and hour, settled after ${placed.settledTicks} ticks`,
    )
  } catch (error) {
    failed++
    // A broken rule speaks for itself; anything else is a fault of the program.
    const isViolation = (error as Error).name === 'Violation'
    console.error(`seed ${seed} FAILED: ${isViolation ? (error as Error).message : (error as Error).stack}`)
    const bug = values.bug === undefined ? '' : ` --bug ${values.bug}`
    console.error(`replay: npm run sim:placement -- --seed ${seed} --nodes ${nodes}${bug}`)
  }
}

function add(prefix: string, more: ReadonlyMap<string, number>): void {
  for (const [name, value] of more) sums.set(prefix + name, (sums.get(prefix + name) ?? 0) + value)
}
