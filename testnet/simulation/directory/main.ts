/** `npm run sim:directory`: the directory's rules among nodes that lie, one seed after another. */
import { parseArgs } from 'node:util'
import { DIRECTORY_BUGS } from '../bugs/directory.ts'
import { importUnder } from '../bugs/plant.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    bug: { type: 'string' },
  },
})

const USAGE = 2
/** In fewer seeds something of this may well not have happened. */
const ENOUGH_SEEDS = 20
const HAS_TO_HAPPEN = [
  ...[
    'ok',
    'duplicate',
    'forged',
    'banned',
    'retired',
    'session-closed',
    'cooldown',
    'bad-endorsement',
    'key-taken',
  ],
  ...[
    'bad-certificate',
    'older-anchor',
    'rival-anchor',
    'ended-epoch',
    'epoch-ahead',
    'not-ordered',
    'no-effect',
  ],
  ...['no-quorum', 'nonce-used', 'nonce-expired', 'tile-held', 'records', 'blocks', 'epochs'],
]

const number = (name: 'seed' | 'seeds'): number => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= 1 && value <= 2 ** 31) return value
  console.error(`--${name} must be a whole number from 1 to ${2 ** 31}.`)
  process.exit(USAGE)
}
const first = number('seed')
const seeds = number('seeds')
if (values.bug !== undefined && !DIRECTORY_BUGS.some(({ name }) => name === values.bug)) {
  const names = DIRECTORY_BUGS.map(({ name }) => name).join(', ')
  console.error(`There is no planted bug ${values.bug} of the directory: choose from ${names}.`)
  process.exit(USAGE)
}
const { runDirectory } = await importUnder<typeof import('./run.ts')>(
  values.bug,
  import.meta.resolve('./run.ts'),
)
const sums = new Map<string, number>()
let failed = 0
for (let seed = first; seed < first + seeds; seed++) runSeed(seed)
for (const [name, value] of [...sums].sort()) console.log(`${name}: ${value}`)
console.log(`${seeds - failed} of ${seeds} seeds passed`)
const missing = HAS_TO_HAPPEN.filter(what => !sums.has(what))
if (seeds >= ENOUGH_SEEDS && missing.length > 0) console.error(`never happened: ${missing.join(', ')}`)
process.exit(failed === 0 && (seeds < ENOUGH_SEEDS || missing.length === 0) ? 0 : 1)

function runSeed(seed: number): void {
  try {
    const { outcomes, ...counts } = runDirectory({ seed })
    for (const [name, value] of [...outcomes, ...Object.entries(counts)])
      sums.set(name, (sums.get(name) ?? 0) + value)
  } catch (error) {
    failed++
    // A broken rule speaks for itself; anything else is a fault of the program.
    const isViolation = (error as Error).name === 'Violation'
    console.error(`seed ${seed} FAILED: ${isViolation ? (error as Error).message : (error as Error).stack}`)
    const bug = values.bug === undefined ? '' : ` --bug ${values.bug}`
    console.error(`replay: npm run sim:directory -- --seed ${seed}${bug}`)
  }
}
