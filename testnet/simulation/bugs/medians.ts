/**
 * `npm run sim:bugs`: how many seeds it takes until each planted bug is caught, and by which check; a table for
 * docs/testing.md. Exits 1 when one isn't caught from most of its starts.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FAULT_NAMES, VOTING_FAULT_NAMES } from '../authorities/faults/list.ts'
import { BUGS, bugNamed } from './catalogue.ts'
import type { Hunt, HuntPlan } from './hunt.ts'

const HUNT = fileURLToPath(import.meta.resolve('./hunt.ts'))
const PLAN = { seed: 1, nodes: 5, groups: 3, clients: 9, faults: FAULT_NAMES }
const VOTING_PLAN = { ...PLAN, nodes: 4, votes: true, faults: VOTING_FAULT_NAMES }
/** Starts lie so far apart that no seed is run twice. */
const STRIDE = 1000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    starts: { type: 'string', default: '7' },
    most: { type: 'string', default: '30' },
    jobs: { type: 'string', default: '1' },
  },
})
const starts = Array.from({ length: Number(values.starts) }, (_, i) => 1 + i * STRIDE)
const most = Number(values.most)
const wanted = BUGS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const waiting = wanted.map(({ name }) => name)
const missed: string[] = []

console.log('| planted bug | caught by | median | most |\n|---|---|---|---|')
await Promise.all(Array.from({ length: Number(values.jobs) }, work))
console.log(`${wanted.length - missed.length} of ${wanted.length} bugs caught`)
if (missed.length > 0) console.log(`not caught: ${missed.join(', ')}`)
process.exitCode = missed.length === 0 ? 0 : 1

async function work(): Promise<void> {
  for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) print(bug, await hunt(bug))
}

async function hunt(bug: string): Promise<Hunt> {
  const base = bugNamed(bug)?.votes ? VOTING_PLAN : PLAN
  const plan: HuntPlan = { plan: { ...base, seconds: Number(values.seconds), bug }, starts, most }
  const child = spawn(process.execPath, [HUNT, JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  for await (const data of child.stdout) output += data
  if (output === '') throw new Error(`The hunt for ${bug} ended without a result.`)
  return JSON.parse(output)
}

function print(bug: string, { seeds, checks }: Hunt): void {
  const sorted = seeds.map(each => each ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]!
  if (median === Number.POSITIVE_INFINITY) missed.push(bug)
  const shown = (count: number): string => (Number.isFinite(count) ? String(count) : `> ${most}`)
  const by = Object.entries(checks)
    .sort(([, a], [, b]) => b - a)
    .map(([check]) => check)
  console.log(`| ${bug} | ${by.join('; ')} | ${shown(median)} | ${shown(sorted.at(-1)!)} |`)
}
