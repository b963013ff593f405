/** `npm run sim:handover`: entities that change owners among authorities that fail, one seed after another. */
import { parseArgs } from 'node:util'
import { HANDOVER_BUGS } from '../bugs/handover.ts'
import { importUnder } from '../bugs/plant.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    bug: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
})

const USAGE = 2
/** In fewer seeds some fault may well not have happened. */
const ENOUGH_SEEDS = 20
/** What has to have happened in them. */
const FAULTS = [
  ...['lock', 'accept', 'refuse', 'release', 'unlock', 'forget', 'settle', 'close', 'inherit'].flatMap(
    kind => [`crash after ${kind}`, `view change after ${kind}`],
  ),
  ...[
    'leader crashes',
    'view change',
    'both leaders lost',
    'cut',
    'quorum lost',
    'holders return',
    're-formed',
  ],
  ...['certified records lost', 'declared dead', 'split', 'merge', 'lost', 'doubled', 'late copy', 'noise'],
  ...['shown uncertified', 'shown unanchored', 'fetch lost', 'false payload', 'false heir'],
]

const number = (name: 'seed' | 'seeds'): number => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= 1 && value <= 2 ** 31) return value
  console.error(`--${name} must be a whole number from 1 to ${2 ** 31}.`)
  process.exit(USAGE)
}
const first = number('seed')
const seeds = number('seeds')
if (values.bug !== undefined && !HANDOVER_BUGS.some(({ name }) => name === values.bug)) {
  const names = HANDOVER_BUGS.map(({ name }) => name).join(', ')
  console.error(`There is no planted bug ${values.bug} of handover: choose from ${names}.`)
  process.exit(USAGE)
}
const url = import.meta.resolve('./run.ts')
const { runHandover } = await importUnder<typeof import('./run.ts')>(values.bug, url)
const sums = new Map<string, number>()
const startedUs = process.cpuUsage()
let failed = 0
for (let seed = first; seed < first + seeds; seed++) runSeed(seed)
const { user, system } = process.cpuUsage(startedUs)
const seconds = (user + system) / 1e6
for (const [name, value] of [...sums].sort()) console.log(`${name}: ${value}`)
const handovers = sums.get('handovers') ?? 0
console.log(`handovers per processor second: ${Math.round(handovers / seconds)}`)
console.log(`${seeds - failed} of ${seeds} seeds passed`)
const missing = FAULTS.filter(fault => !sums.has(`fault: ${fault}`))
if (seeds >= ENOUGH_SEEDS && missing.length > 0) console.error(`never happened: ${missing.join(', ')}`)
process.exit(failed === 0 && (seeds < ENOUGH_SEEDS || missing.length === 0) ? 0 : 1)

function runSeed(seed: number): void {
  try {
    const { trace, handovers, inputs, authorities, messages, records, faults, refusals } = runHandover({
      seed,
    })
    add('', { handovers, inputs, authorities, messages })
    add('final: ', Object.fromEntries(records))
    add('fault: ', Object.fromEntries(faults))
    add('refused: ', Object.fromEntries(refusals))
    if (values.quiet) return
    console.log(
      `seed ${seed}: trace ${trace.slice(0, 16)}, ${handovers} handovers, ${inputs} inputs, ${authorities} authorities, ${messages} messages`,
    )
  } catch (error) {
    failed++
    // A broken rule speaks for itself; anything else is a fault of the program.
    const isViolation = (error as Error).name === 'Violation'
    console.error(`seed ${seed} FAILED: ${isViolation ? (error as Error).message : (error as Error).stack}`)
    const bug = values.bug === undefined ? '' : ` --bug ${values.bug}`
    console.error(`replay: npm run sim:handover -- --seed ${seed}${bug}`)
  }
}

function add(prefix: string, more: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(more)) {
    sums.set(prefix + name, (sums.get(prefix + name) ?? 0) + value)
  }
}
