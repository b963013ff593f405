import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Histogram } from '../../client/index.ts'
import { placesOf } from '../../daemon/genesis/schema.ts'
import { LocalNetwork } from '../local/network.ts'
import { Players } from '../local/players.ts'
import type { Belongings } from './belongings.ts'
import { round } from './commit/measure.ts'
import { cpuMsOf, freePorts, machine } from './machine.ts'

interface Step {
  readonly players: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly actionsPerSecond: number
  readonly ok: boolean
  /** Of one processor, all nodes together and all players together. */
  readonly cpu: { readonly nodes: number; readonly players: number } | null
}

const plan = { nodes: 5, areas: 4, replicas: 3 }
const portsPerNode = 3
const limitMs = 100
/** Coarse steps up to the first that is too many, then finer ones below it. */
const coarse = 200
const fine = 50
const maxPlayers = 4_000
const joinDeadlineMs = 30_000
const settleMs = 4_000
const measureMs = 10_000

/** `npm run bench -- players` */
export async function benchPlayers(belongings: Belongings): Promise<object> {
  const on = machine()
  const crowd = await Crowd.begin(belongings)
  const steps: Step[] = []
  const measure = async (): Promise<boolean> => {
    const step = await crowd.measure()
    steps.push(step)
    process.stderr.write(
      `${step.players} players: p50 ${step.p50Ms} ms, p99 ${step.p99Ms} ms, ${step.actionsPerSecond} actions/s\n`,
    )
    return step.ok
  }
  const best = async (from: number, by: number, below: number): Promise<number> => {
    let good = from
    for (let players = from + by; players < below; players += by) {
      await crowd.grow(players)
      // Twice before it counts as too many: the machine may have had something else to do.
      if (!(await measure()) && !(await measure())) {
        await crowd.shrink(good)
        return good
      }
      good = players
    }
    return good
  }
  const roughly = await best(0, coarse, maxPlayers + 1)
  const players = await best(roughly, fine, roughly + coarse)
  const at = steps.findLast(step => step.players === players && step.ok)
  return {
    benchmark: 'players',
    players,
    p50Ms: at?.p50Ms ?? null,
    p99Ms: at?.p99Ms ?? null,
    actionsPerSecond: at?.actionsPerSecond ?? 0,
    cpu: at?.cpu ?? null,
    limitMs,
    measureMs,
    steps,
    ...plan,
    machine: on,
  }
}

/** A network and as many players on it as are wanted, in a process for each group that joined together. */
class Crowd {
  readonly #network: LocalNetwork
  readonly #promisesPath: string
  readonly #groups: { readonly count: number; readonly players: Players }[] = []
  #seed = 0

  static async begin(belongings: Belongings): Promise<Crowd> {
    const dir = belongings.folder()
    const firstPort = await freePorts(plan.nodes * portsPerNode)
    const network = LocalNetwork.prepare({ ...plan, dir, firstPort, fresh: true })
    belongings.add(() => network.stop())
    const crowd = new Crowd(network, join(dir, 'promises.jsonl'))
    belongings.add(() => crowd.shrink(0))
    await network.start()
    return crowd
  }

  private constructor(network: LocalNetwork, promisesPath: string) {
    this.#network = network
    this.#promisesPath = promisesPath
  }

  get #size(): number {
    return this.#groups.reduce((sum, { count }) => sum + count, 0)
  }

  async grow(to: number): Promise<void> {
    const count = to - this.#size
    const players = new Players({
      count,
      gateways: this.#network.nodes.map(node => node.gatewayUrl),
      areas: placesOf(this.#network.genesis.file).map(area => area.name),
      genesisPath: this.#network.genesisPath,
      promisesPath: this.#promisesPath,
      actionsPerSecond: 1,
      seed: ++this.#seed,
    })
    this.#groups.push({ count, players })
    const deadline = performance.now() + joinDeadlineMs
    while (players.stats.connected < count && performance.now() < deadline) await sleep(200)
    await sleep(settleMs)
  }

  async shrink(to: number): Promise<void> {
    while (this.#size > to) await this.#groups.pop()!.players.stop()
    rmSync(this.#promisesPath, { force: true })
  }

  async measure(): Promise<Step> {
    const sinceMs = performance.now()
    const [nodes, players] = [this.#nodeCpu(), this.#playerCpu()]
    const committed = this.#committed
    await sleep(measureMs)
    if (this.#network.failed !== undefined) throw new Error(this.#network.failed)
    const elapsedMs = performance.now() - sinceMs
    const latencies = new Histogram()
    // The second that began before the measurement is left out.
    for (const group of this.#groups) latencies.merge(group.players.latencies([], sinceMs + 1_000))
    const allThere = this.#groups.every(group => group.players.stats.connected === group.count)
    const p99Ms = round(latencies.quantile(0.99), 1)
    const share = (before: number | undefined, after: number | undefined): number | undefined =>
      before === undefined || after === undefined ? undefined : round((after - before) / elapsedMs, 2)
    const cpu = { nodes: share(nodes, this.#nodeCpu()), players: share(players, this.#playerCpu()) }
    return {
      players: this.#size,
      p50Ms: round(latencies.quantile(0.5), 1),
      p99Ms,
      actionsPerSecond: round(((this.#committed - committed) * 1000) / elapsedMs, 1),
      ok: allThere && latencies.count > 0 && p99Ms < limitMs,
      cpu:
        cpu.nodes === undefined || cpu.players === undefined
          ? null
          : { nodes: cpu.nodes, players: cpu.players },
    }
  }

  get #committed(): number {
    return this.#groups.reduce((sum, { players }) => sum + players.stats.committed, 0)
  }

  #nodeCpu(): number | undefined {
    return cpuMsOf(this.#network.nodes.flatMap(node => node.child?.pid ?? []))
  }

  #playerCpu(): number | undefined {
    return cpuMsOf(this.#groups.flatMap(({ players }) => players.pid ?? []))
  }
}
