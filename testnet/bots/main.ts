/**
 * Bots as a process of their own. Prints one JSON object per line: `{"type": "stats", …, "latencies": [[bucket, count], …]}`
 * every second (latencies of that second, see client/sdk/histogram) and `{"type": "final", …}` at the end. SIGTERM, SIGINT
 * or the end of stdin stop it gracefully. Receipts go to `--promises FILE`, a JSON object per line.
 * With `--goals x,y;x,y` (mm) they go from place to place. With `--peaceful` no bot strikes anybody.
 */
import { createWriteStream, readFileSync, type WriteStream } from 'node:fs'
import { parseArgs } from 'node:util'
import { type BotPromise, startBots } from './bots.ts'

const DRAIN_MS = 3_000

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100' },
    gateways: { type: 'string' },
    rate: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    joins: { type: 'string', default: '50' },
    genesis: { type: 'string' },
    areas: { type: 'string' },
    goals: { type: 'string' },
    promises: { type: 'string' },
    peaceful: { type: 'boolean', default: false },
  },
})

if (values.gateways === undefined) {
  console.error('bots: --gateways ws://host:port[,ws://host:port…] is missing')
  process.exit(2)
}

const promises =
  values.promises === undefined ? undefined : createWriteStream(values.promises, { flags: 'a' })
let lines = ''

const bots = startBots({
  count: wholeNumber('count', values.count),
  gateways: values.gateways.split(','),
  actionsPerSecond: Number(values.rate),
  seed: wholeNumber('seed', values.seed),
  joinsPerSecond: wholeNumber('joins', values.joins),
  areas: values.areas?.split(',') ?? [],
  goals: (values.goals?.split(';') ?? []).map(text => {
    const [xMm, yMm] = text.split(',').map(Number)
    return { xMm: xMm!, yMm: yMm! }
  }),
  peaceful: values.peaceful,
  ...(values.genesis === undefined ? {} : { genesis: readFileSync(values.genesis) }),
  onPromise: (promise: BotPromise) => {
    if (promises !== undefined) lines += `${JSON.stringify(promise)}\n`
  },
  onTrouble: line => console.error(line),
})

const printing = setInterval(() => {
  flushPromises()
  print('stats')
}, 1_000)

let stopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop())
process.stdin.on('end', () => void stop()).resume()
// Whoever started this is gone, and nobody reads any more.
process.stdout.on('error', () => process.exit(1))

async function stop(): Promise<void> {
  if (stopping) process.exit(1)
  stopping = true
  clearInterval(printing)
  await bots.stop(DRAIN_MS)
  flushPromises()
  if (promises !== undefined) await closed(promises)
  print('final')
  process.stdout.write('', () => process.exit(0))
}

function print(type: 'stats' | 'final'): void {
  process.stdout.write(`${JSON.stringify({ type, ...bots.stats(), latencies: bots.takeLatencies() })}\n`)
}

function flushPromises(): void {
  if (lines !== '') promises?.write(lines)
  lines = ''
}

function closed(stream: WriteStream): Promise<void> {
  return new Promise(resolve => stream.end(() => resolve()))
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  console.error(`bots: --${name} takes a whole number, not "${text}"`)
  process.exit(2)
}
