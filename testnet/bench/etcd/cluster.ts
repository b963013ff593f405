import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Belongings } from '../belongings.ts'
import { type Measured, Stopwatch, type Stretch, type Subject } from '../commit/measure.ts'
import { cpuMsOf, freePorts } from '../machine.ts'
import { PutConnection } from './put-connection.ts'

const members = ['a', 'b', 'c']
const host = '127.0.0.1'
const electionDeadlineMs = 20_000
/** What suited etcd best: one was as good, 16 and 64 cost it more for each call. */
const maxConnections = 4

/** Undefined when there is no etcd on the PATH. */
export function etcdVersion(): string | undefined {
  try {
    const text = execFileSync('etcd', ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return /etcd Version: (\S+)/.exec(text)?.[1]
  } catch {
    return undefined
  }
}

/** Three members with everything as etcd has it by itself, each with its own data on the same disk as ours. */
export async function startEtcdCluster(belongings: Belongings, valueBytes: number): Promise<Subject> {
  const folder = belongings.folder()
  const firstPort = await freePorts(2 * members.length)
  const url = (port: number): string => `http://${host}:${port}`
  const peerPort = (i: number): number => firstPort + members.length + i
  const initial = members.map((name, i) => `${name}=${url(peerPort(i))}`).join(',')
  const pidFiles = members.map((name, i) =>
    startMember(belongings, join(folder, `${name}.log`), [
      ...['--name', name, '--data-dir', join(folder, name), '--log-level', 'error'],
      ...['--listen-client-urls', url(firstPort + i), '--advertise-client-urls', url(firstPort + i)],
      ...['--listen-peer-urls', url(peerPort(i)), '--initial-advertise-peer-urls', url(peerPort(i))],
      ...['--initial-cluster', initial, '--initial-cluster-state', 'new', '--initial-cluster-token', folder],
    ]),
  )
  const ports = members.map((_, i) => firstPort + i)
  const leader = await leaderOf(ports)
  const pids = pidFiles.map(file => Number(readFileSync(file, 'latin1')))
  return new Etcd(leader, valueBytes, pids, belongings)
}

/**
 * A shell stands between, which ends etcd as soon as its standard input ends: so it does not outlive us, however we end.
 * Returns the path of a file that holds etcd's process id.
 */
function startMember(belongings: Belongings, logPath: string, args: readonly string[]): string {
  const log = openSync(logPath, 'w')
  const script = 'etcd "$@" </dev/null & pid=$!; echo $pid >"$0"; cat >/dev/null; kill -9 $pid; wait $pid'
  const pidPath = `${logPath}.pid`
  const child = spawn('sh', ['-c', script, pidPath, ...args], {
    stdio: ['pipe', log, log],
    detached: true,
    env: { PATH: process.env['PATH'], GOMAXPROCS: process.env['GOMAXPROCS'] },
  })
  closeSync(log)
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  belongings.add(async () => {
    child.stdin?.end()
    await ended
  })
  return pidPath
}

async function leaderOf(ports: readonly number[]): Promise<number> {
  const deadline = performance.now() + electionDeadlineMs
  while (performance.now() < deadline) {
    for (const port of ports) if (await leads(port)) return port
    await sleep(100)
  }
  throw new Error('etcd elected no leader.')
}

async function leads(port: number): Promise<boolean> {
  try {
    const text = await (await fetch(`http://${host}:${port}/metrics`)).text()
    return /^etcd_server_is_leader 1$/m.test(text)
  } catch {
    return false
  }
}

class Etcd implements Subject {
  readonly #port: number
  readonly #valueBytes: number
  readonly #pids: readonly number[]
  readonly #connections: PutConnection[] = []
  readonly #belongings: Belongings
  #nextKey = 0

  constructor(port: number, valueBytes: number, pids: readonly number[], belongings: Belongings) {
    this.#port = port
    this.#valueBytes = valueBytes
    this.#pids = pids
    this.#belongings = belongings
  }

  /** All calls go to the leader: a hop less than through a follower. */
  async run(stretch: Stretch): Promise<Measured> {
    const connections = await this.#connected(Math.min(stretch.inFlight, maxConnections))
    const cpuBefore = cpuMsOf(this.#pids)
    const ownBefore = process.cpuUsage()
    const beganMs = performance.now()
    const watch = new Stopwatch(stretch)
    await new Promise<void>((resolve, reject) => {
      let under = stretch.inFlight
      const put = (connection: PutConnection): void => {
        const startedMs = performance.now()
        connection.put(this.#nextKey++, ok => {
          if (!ok) reject(new Error('etcd refused a put.'))
          else if (watch.ended(startedMs, performance.now())) put(connection)
          else if (--under === 0) resolve()
        })
      }
      for (let i = 0; i < stretch.inFlight; i++) put(connections[i % connections.length]!)
    })
    const cpuAfter = cpuMsOf(this.#pids)
    const own = process.cpuUsage(ownBefore)
    const { count, elapsedMs, latenciesMs } = watch
    const share = elapsedMs / (performance.now() - beganMs)
    const cpuMs =
      cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) * share
    return { count, elapsedMs, latenciesMs, cpuMs, clientCpuMs: ((own.user + own.system) / 1000) * share }
  }

  async #connected(count: number): Promise<readonly PutConnection[]> {
    while (this.#connections.length < count) {
      const connection = await PutConnection.open(host, this.#port, this.#valueBytes)
      this.#connections.push(connection)
      this.#belongings.add(() => connection.close())
    }
    return this.#connections.slice(0, count)
  }
}
