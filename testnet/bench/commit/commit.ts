import type { Belongings } from '../belongings.ts'
import { etcdVersion, startEtcdCluster } from '../etcd/cluster.ts'
import { machine } from '../machine.ts'
import { type Measured, quantile, round, type Subject } from './measure.ts'
import { payloadBytes } from './proposal-loop.ts'
import { startRaftCluster } from './raft-cluster.ts'
import { startSdkNetwork } from './sdk-network.ts'

type Level = 'raft' | 'sdk'

interface Figures {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of all three processes for one input, without that of the load. */
  readonly cpuUsPerInput: number | null
  /** Of the clients' process; null where the load is made in the leader's. */
  readonly clientCpuUsPerInput: number | null
}

interface Result extends Figures {
  readonly level: Level
  readonly inFlight: number
  /** Ours divided by etcd's. */
  readonly vsEtcd: { readonly throughput: number; readonly p50: number } | null
}

const levels: readonly Level[] = ['raft', 'sdk']
const inFlights = [1, 64, 512]
/** All take turns, so that a machine that is slower for a while is so for all of them. */
const rounds = 3
const warmUpMs = 500
const measureMs = 2_000
/** Before anything is measured: JavaScript that has run for some seconds only is not all compiled yet. */
const heatMs = 15_000

/** `npm run bench -- commit` */
export async function benchCommit(belongings: Belongings): Promise<object> {
  const on = machine()
  const version = etcdVersion()
  const subjects = new Map<Level | 'etcd', Subject>()
  if (version !== undefined) subjects.set('etcd', await startEtcdCluster(belongings, payloadBytes))
  subjects.set('raft', await startRaftCluster(belongings))
  subjects.set('sdk', await startSdkNetwork(belongings))
  for (const subject of subjects.values())
    await subject.run({ inFlight: Math.max(...inFlights), warmUpMs: 0, measureMs: heatMs })
  const results: Result[] = []
  const etcd: object[] = []
  for (const inFlight of inFlights) {
    const figures = await measureAll(subjects, inFlight)
    const theirs = figures.get('etcd')
    for (const level of levels) results.push(resultOf(level, inFlight, figures.get(level)!, theirs))
    if (theirs !== undefined) etcd.push({ inFlight, ...theirs })
  }
  return {
    benchmark: 'commit',
    results,
    etcd,
    etcdVersion: version ?? null,
    payloadBytes,
    receipts: 'verified',
    replicas: 3,
    rounds,
    measureMs,
    machine: on,
  }
}

async function measureAll(
  subjects: ReadonlyMap<Level | 'etcd', Subject>,
  inFlight: number,
): Promise<Map<Level | 'etcd', Figures>> {
  const measured = new Map<Level | 'etcd', Measured[]>()
  for (let i = 0; i < rounds; i++) {
    for (const [name, subject] of subjects) {
      const stretches = measured.get(name) ?? []
      measured.set(name, [...stretches, await subject.run({ inFlight, warmUpMs, measureMs })])
    }
  }
  const figures = new Map([...measured].map(([name, stretches]) => [name, figuresOf(stretches)]))
  for (const [name, { perSecond, p50Ms, p99Ms }] of figures) {
    process.stderr.write(
      `${name.padEnd(4)} ${String(inFlight).padStart(3)} in flight: ${Math.round(perSecond)}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms\n`,
    )
  }
  return figures
}

function figuresOf(stretches: readonly Measured[]): Figures {
  const count = stretches.reduce((sum, stretch) => sum + stretch.count, 0)
  const usPerInput = (ms: readonly (number | undefined)[]): number | null => {
    let sum = 0
    for (const each of ms) {
      if (each === undefined || count === 0) return null
      sum += each
    }
    return round((sum * 1000) / count, 1)
  }
  const rates = stretches.map(stretch => (stretch.count * 1000) / stretch.elapsedMs).sort((a, b) => a - b)
  const latencies = stretches.flatMap(stretch => stretch.latenciesMs).sort((a, b) => a - b)
  return {
    perSecond: round(quantile(rates, 0.5), 1),
    p50Ms: round(quantile(latencies, 0.5), 3),
    p99Ms: round(quantile(latencies, 0.99), 3),
    cpuUsPerInput: usPerInput(stretches.map(({ cpuMs }) => cpuMs)),
    clientCpuUsPerInput: usPerInput(stretches.map(({ clientCpuMs }) => clientCpuMs)),
  }
}

function resultOf(level: Level, inFlight: number, ours: Figures, theirs: Figures | undefined): Result {
  const vsEtcd =
    theirs === undefined
      ? null
      : {
          throughput: round(ours.perSecond / theirs.perSecond, 2),
          p50: round(ours.p50Ms / theirs.p50Ms, 2),
        }
  return { level, inFlight, ...ours, vsEtcd }
}
