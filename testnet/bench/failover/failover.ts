import { setTimeout as sleep } from 'node:timers/promises'
import { isReady } from '../../local/api.ts'
import { LocalNetwork } from '../../local/network.ts'
import type { NodeProcess } from '../../local/processes.ts'
import type { Belongings } from '../belongings.ts'
import { quantile, round } from '../commit/measure.ts'
import { numberFlags } from '../flags.ts'
import { freePorts, machine } from '../machine.ts'
import {
  type Cut,
  canHaveOwnNetwork,
  hasOwnNetwork,
  prepareCut,
  prepareOwnNetwork,
  runInOwnNetwork,
} from './cut.ts'
import { Players } from './players.ts'

const portsPerNode = 3
const portsFrom = 20_000
const deadlineMs = 30_000
/** Between two ends of a leader: who comes back has caught up, and the load runs. */
const calmMs = 1_500

type Way = 'kill' | 'stop' | 'cut'

interface Trial {
  readonly network: LocalNetwork
  readonly players: Players
}

/** How long clients wait for the next committed input when the leader of their area ends in one of three ways. */
export async function benchFailover(belongings: Belongings, flags: readonly string[]): Promise<object> {
  const { times, nodes } = numberFlags(flags, { times: 50, nodes: 3 })
  if (!hasOwnNetwork() && canHaveOwnNetwork()) return runInOwnNetwork(['failover', ...flags])
  if (hasOwnNetwork()) prepareOwnNetwork()
  const trial = await start(belongings, nodes)
  const ways: Way[] = hasOwnNetwork() ? ['kill', 'stop', 'cut'] : ['kill', 'stop']
  const results: Record<string, object> = {}
  for (const way of ways) results[way] = await repeat(trial, way, times)
  return {
    benchmark: 'failover',
    ...machine(),
    nodes,
    times,
    ...results,
    cutBy: hasOwnNetwork()
      ? "routing rules in a network namespace: the leader's connections to other nodes go silent"
      : 'not measured: it needs root and network namespaces',
  }
}

async function start(belongings: Belongings, nodes: number): Promise<Trial> {
  const network = LocalNetwork.prepare({
    dir: belongings.folder(),
    nodes,
    areas: 1,
    replicas: nodes,
    firstPort: hasOwnNetwork() ? portsFrom : await freePorts(nodes * portsPerNode),
    fresh: true,
  })
  belongings.add(() => network.stop())
  await network.start()
  const players = new Players()
  belongings.add(() => players.end())
  await players.join(
    network.nodes.map(node => node.gatewayUrl),
    network.genesisPath,
  )
  return { network, players }
}

async function repeat(trial: Trial, way: Way, times: number): Promise<object> {
  const tookMs: number[] = []
  for (let i = 0; i < times; i++) {
    await calm(trial)
    const ms = await once(trial, way)
    process.stderr.write(`${way} ${i + 1}/${times}: ${Math.round(ms)} ms\n`)
    tookMs.push(ms)
  }
  tookMs.sort((a, b) => a - b)
  return {
    medianMs: round(quantile(tookMs, 0.5), 1),
    maxMs: round(tookMs.at(-1) ?? 0, 1),
    over300Ms: tookMs.filter(ms => ms > 300).length,
  }
}

/** All nodes are up and vote, one of them leads, and inputs are committed under it. */
async function calm({ network, players }: Trial): Promise<void> {
  const ready = async (): Promise<boolean> =>
    (await Promise.all(network.nodes.map(node => isReady(node.httpUrl)))).every(Boolean)
  for (const deadline = performance.now() + deadlineMs; performance.now() < deadline; await sleep(50)) {
    if (!(await ready())) continue
    const before = players.committed
    await sleep(calmMs)
    if (players.committed > before && (await ready())) return
  }
  throw new Error('The network does not come to rest.')
}

async function leaderOf(network: LocalNetwork): Promise<NodeProcess> {
  for (const deadline = performance.now() + deadlineMs; performance.now() < deadline; await sleep(50)) {
    const views = await Promise.all(network.nodes.map(node => network.authoritiesOf(node)))
    const leaders = new Set(views.map(view => view?.[0]?.leader ?? 0))
    const [leader] = leaders
    if (leaders.size === 1 && leader !== 0) return network.nodes[leader! - 1]!
  }
  throw new Error('The nodes do not agree on a leader.')
}

async function once({ network, players }: Trial, way: Way): Promise<number> {
  const leader = await leaderOf(network)
  const fault = prepare(network, leader, way)
  const next = players.committedAfter(players.newestTerm)
  const beganMs = performance.now()
  fault.begin()
  const timedOut = sleep(deadlineMs, undefined, { ref: false })
  const committedMs = await Promise.race([next, timedOut])
  fault.mend()
  if (committedMs === undefined) throw new Error(`Nothing was committed in ${deadlineMs} ms after a ${way}.`)
  return committedMs - beganMs
}

/** What ends the leader, and what brings it back. */
function prepare(network: LocalNetwork, leader: NodeProcess, way: Way): Cut {
  if (way === 'cut') {
    const port = (node: NodeProcess): number => portsFrom + (node.number - 1) * portsPerNode
    const others = network.nodes.filter(node => node !== leader).map(port)
    return prepareCut(leader.child!.pid!, port(leader), others)
  }
  if (way === 'stop') {
    return {
      begin: () => network.kill(leader, 'SIGSTOP'),
      mend: () => network.kill(leader, 'SIGCONT'),
    }
  }
  return {
    begin: () => network.kill(leader, 'SIGKILL'),
    mend: () => network.startNode(leader),
  }
}
