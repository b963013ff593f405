import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, connect, randomSeed } from '../../client/index.ts'
import { placesOf } from '../../daemon/genesis/schema.ts'
import { LocalNetwork } from '../local/network.ts'
import { Players } from '../local/players.ts'
import type { Belongings } from './belongings.ts'
import { quantile, round } from './commit/measure.ts'
import { numberFlags } from './flags.ts'
import { freePorts, machine } from './machine.ts'

const portsPerNode = 3
const settleMs = 3_000
const askedFor = 60
/** It changes nothing: there is no such resource. */
const nothing = { kind: 'gather', resource: '0'.repeat(32) } as const

interface Measured {
  readonly committedP50Ms: number
  readonly finalAfterCommitP50Ms: number
  readonly finalAfterCommitP99Ms: number
}

/**
 * `npm run bench -- final`: how long final comes after committed in an area that is played in, for a client that waits for the
 * next seal, and for one that has the log sealed at once.
 */
export async function benchFinal(belongings: Belongings, args: readonly string[]): Promise<object> {
  const { nodes, players } = numberFlags(args, { nodes: 4, players: 40 })
  const on = machine()
  const dir = belongings.folder()
  const plan = { nodes, areas: 1, replicas: nodes, dir, firstPort: await freePorts(nodes * portsPerNode) }
  const network = LocalNetwork.prepare({ ...plan, fresh: true })
  belongings.add(() => network.stop())
  await network.start()
  const gateways = network.nodes.map(node => node.gatewayUrl)
  const crowd = new Players({
    ...{ count: players, gateways, areas: placesOf(network.genesis.file).map(area => area.name) },
    ...{ genesisPath: network.genesisPath, promisesPath: join(dir, 'promises.jsonl') },
    ...{ actionsPerSecond: 2, seed: 1 },
  })
  belongings.add(() => crowd.stop())
  await sleep(settleMs)
  const measured: Record<string, Measured> = {}
  for (const sealSoon of [false, true]) {
    const client = await connect({
      ...{ gateways, player: randomSeed(), genesis: network.genesis.bytes, sealSoon },
    })
    belongings.add(() => client.close())
    measured[sealSoon ? 'sealedAtOnce' : 'atTheNextSeal'] = await measure(client)
  }
  return { benchmark: 'final', ...measured, asked: askedFor, nodes, players, machine: on }
}

async function measure(client: Client): Promise<Measured> {
  await client.spawn('watcher')
  const committedMs: number[] = []
  const finalMs: number[] = []
  for (let i = 0; i < askedFor; i++) {
    const done = await client.act(nothing)
    committedMs.push(done.latencyMs)
    finalMs.push((await done.final).latencyMs)
    // So that it begins at any moment between two seals.
    await sleep((i * 137) % 500)
  }
  const of = (some: number[], part: number): number =>
    round(
      quantile(
        some.toSorted((a, b) => a - b),
        part,
      ),
      1,
    )
  return {
    committedP50Ms: of(committedMs, 0.5),
    finalAfterCommitP50Ms: of(finalMs, 0.5),
    finalAfterCommitP99Ms: of(finalMs, 0.99),
  }
}
