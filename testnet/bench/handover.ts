import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, connect, type Done } from '../../client/index.ts'
import { placesOf } from '../../daemon/genesis/schema.ts'
import { MAX_SPEED_MM_PER_TICK } from '../../world/codec.ts'
import { promiseOf } from '../bots/bots.ts'
import { newSharedVerify } from '../bots/verify.ts'
import { auditNetwork } from '../local/audits.ts'
import { LocalNetwork } from '../local/network.ts'
import { PromiseBook } from '../local/promises.ts'
import type { Belongings } from './belongings.ts'
import { quantile, round } from './commit/measure.ts'
import { numberFlags } from './flags.ts'
import { freePorts, machine } from './machine.ts'

const nodes = 4
const areas = 2
const portsPerNode = 3
const defaults = { players: 8, crossings: 60 }
/** Each player asks so often, so a border shows in what it is answered. */
const everyMs = 20
const turnMs = 4_000
const deadlineMs = 180_000

interface Walker {
  readonly client: Client
  readonly answered: Done[]
  /** Of the receipt of the newest action. */
  answeredAtMs: number
  heading: number
}

/**
 * Characters run to and fro over the border of two areas of four nodes, acting all the time: from the last action that was
 * applied in one area to the first in the other.
 */
export async function benchHandover(belongings: Belongings, flags: readonly string[]): Promise<object> {
  const { players, crossings } = numberFlags(flags, defaults)
  const on = machine()
  const firstPort = await freePorts(nodes * portsPerNode)
  const plan = { dir: belongings.folder(), nodes, areas, replicas: nodes, firstPort, fresh: true }
  const network = LocalNetwork.prepare({ ...plan, borders: 'open' })
  belongings.add(() => network.stop())
  process.env['FREEHOLD_MAX_INPUTS_PER_SECOND'] = String(4 * (1000 / everyMs))
  await network.start()
  const timesMs: number[] = []
  const walkers: Walker[] = []
  for (let number = 0; number < players; number++) walkers.push(await enter(network, number))
  for (const walker of walkers) belongings.add(() => walker.client.close())
  const playing = new AbortController()
  const running = walkers.map(walker => run(walker, timesMs, playing.signal))
  const untilMs = performance.now() + deadlineMs
  while (timesMs.length < crossings && performance.now() < untilMs) await sleep(200)
  playing.abort()
  await Promise.all(running)
  for (const { client } of walkers) client.close()
  const book = await promisesOf(walkers, join(plan.dir, 'promises.jsonl'))
  const { findings } = await auditNetwork(network, book, () => {})
  for (const finding of findings) process.stderr.write(`${finding}\n`)
  const sorted = timesMs.toSorted((a, b) => a - b)
  return {
    benchmark: 'handover',
    count: timesMs.length,
    p50Ms: round(quantile(sorted, 0.5), 1),
    p99Ms: round(quantile(sorted, 0.99), 1),
    lost: book.lost,
    doubled: book.duplicated,
    reordered: walkers.reduce((sum, each) => sum + outOfOrder(each), 0),
    ...{ nodes, players, machine: on },
  }
}

async function promisesOf(walkers: readonly Walker[], path: string): Promise<PromiseBook> {
  const lines = walkers.flatMap(({ client, answered }) =>
    answered.map(done => `${JSON.stringify(promiseOf(client, done))}\n`),
  )
  writeFileSync(path, lines.join(''))
  return await PromiseBook.read(path)
}

async function enter(network: LocalNetwork, number: number): Promise<Walker> {
  const client = await connect({
    gateways: network.nodes.map((_, i) => network.nodes[(number + i) % nodes]!.gatewayUrl),
    player: new Uint8Array(32).fill(number + 1),
    genesis: readFileSync(network.genesisPath),
    area: placesOf(network.genesis.file)[number % areas]!.name,
    verify: newSharedVerify(),
  })
  const done = await client.spawn(`runner-${number}`)
  return { client, answered: [done], answeredAtMs: performance.now(), heading: number % areas === 0 ? 1 : -1 }
}

/** Runs towards the other area for some seconds, then back, and asks for something all the time. */
async function run(walker: Walker, timesMs: number[], signal: AbortSignal): Promise<void> {
  const { client } = walker
  const asked: Promise<void>[] = []
  let turnAtMs = performance.now() + turnMs / 2
  for (let n = 0; !signal.aborted; n++) {
    if (performance.now() >= turnAtMs) {
      turnAtMs += turnMs
      walker.heading = -walker.heading
    }
    const vxMmPerTick = walker.heading * (MAX_SPEED_MM_PER_TICK - (n % 2))
    asked.push(
      client.act({ kind: 'move', vxMmPerTick, vyMmPerTick: 0 }).then(
        done => note(walker, done, timesMs),
        error => void process.stderr.write(`bench: ${(error as Error).message}\n`),
      ),
    )
    await sleep(everyMs)
  }
  await Promise.all(asked)
}

function note(walker: Walker, done: Done, timesMs: number[]): void {
  const nowMs = performance.now()
  if (done.area !== walker.answered.at(-1)!.area) timesMs.push(nowMs - walker.answeredAtMs)
  walker.answered.push(done)
  walker.answeredAtMs = nowMs
}

/** Within one area later actions stand at later leaves. */
function outOfOrder({ answered }: Walker): number {
  const bySeq = [...answered].sort((a, b) => a.seq - b.seq)
  return bySeq.filter((done, i) => {
    const before = bySeq[i - 1]
    return before?.area === done.area && before.outcome.leaf >= done.outcome.leaf
  }).length
}
