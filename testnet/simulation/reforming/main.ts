/** `npm run sim:reforming`: an area that loses its quorum again and again, one seed after another. */
import { parseArgs } from 'node:util'
import { runReforming } from './run.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, seeds: { type: 'string', default: '1' } },
})

const USAGE = 2
const number = (name: 'seed' | 'seeds'): number => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= 1 && value <= 2 ** 31) return value
  console.error(`--${name} must be a whole number from 1 to ${2 ** 31}.`)
  process.exit(USAGE)
}
const first = number('seed')
const seeds = number('seeds')
const sums = new Map<string, number>()
let failed = 0
for (let seed = first; seed < first + seeds; seed++) runSeed(seed)
for (const [name, value] of [...sums].sort()) console.log(`${name}: ${value}`)
console.log(`${seeds - failed} of ${seeds} seeds passed`)
process.exit(failed === 0 ? 0 : 1)

function runSeed(seed: number): void {
  try {
    const { outcomes, ...counts } = runReforming({ seed })
    for (const [name, value] of [...outcomes, ...Object.entries(counts)])
      sums.set(name, (sums.get(name) ?? 0) + value)
  } catch (error) {
    failed++
    const isViolation = (error as Error).name === 'Violation'
    console.error(`seed ${seed} FAILED: ${isViolation ? (error as Error).message : (error as Error).stack}`)
    console.error(`replay: npm run sim:reforming -- --seed ${seed}`)
  }
}
