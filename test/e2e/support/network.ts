import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RawSettings } from '../../../daemon/config/schema.ts'
import { nodeDirs } from '../../../daemon/genesis/found.ts'
import { originOf } from '../../../daemon/genesis/genesis.ts'
import { type GenesisArea, placesOf } from '../../../daemon/genesis/schema.ts'
import { dataDirFiles } from '../../../daemon/identity/data-dir.ts'
import { isReady } from '../../../testnet/local/api.ts'
import { LocalNetwork } from '../../../testnet/local/network.ts'
import { Players } from '../../../testnet/local/players.ts'
import type { NodeProcess } from '../../../testnet/local/processes.ts'
import { type BrokenPromise, brokenPromises, readPromises } from './logs.ts'
import { freePorts } from './ports.ts'
import { until } from './processes.ts'

/** A local network in a folder of its own that disappears with it. */
export class TestNetwork {
  readonly dir: string
  readonly local: LocalNetwork
  #players: Players | undefined

  static async found(plan: {
    nodes: number
    areas: number
    replicas: number
    settings?: RawSettings
    borders?: 'open'
  }): Promise<TestNetwork> {
    const dir = mkdtempSync(join(tmpdir(), 'freehold-e2e-'))
    const firstPort = await freePorts(3 * plan.nodes)
    const local = LocalNetwork.prepare({ ...plan, dir, firstPort, fresh: false })
    for (const dataDir of nodeDirs(dir, plan.nodes)) {
      const { config } = dataDirFiles(dataDir)
      const settings = JSON.parse(readFileSync(config, 'utf8'))
      writeFileSync(config, JSON.stringify({ ...settings, ...plan.settings }))
    }
    return new TestNetwork(dir, local)
  }

  private constructor(dir: string, local: LocalNetwork) {
    this.dir = dir
    this.local = local
  }

  get areas(): readonly GenesisArea[] {
    return placesOf(this.local.genesis.file)
  }

  get players(): Players {
    return this.#players!
  }

  get promisesPath(): string {
    return join(this.dir, 'promises.jsonl')
  }

  originOf(area: GenesisArea): string {
    return originOf(this.local.genesis.file.network, area)
  }

  node(number: number): NodeProcess {
    return this.local.nodes[number - 1]!
  }

  startPlayers(count: number, actionsPerSecond: number): void {
    this.#players = new Players({
      count,
      actionsPerSecond,
      seed: 7,
      gateways: this.local.nodes.map(node => node.gatewayUrl),
      areas: this.areas.map(area => area.name),
      ...this.local.goals,
      genesisPath: this.local.genesisPath,
      promisesPath: this.promisesPath,
    })
  }

  /** Waits until the bots got so many more receipts. */
  async moreCommitted(count: number): Promise<void> {
    const before = this.players.stats.committed
    await until(`${count} more are committed`, () => this.players.stats.committed >= before + count)
  }

  async sigkill(...nodes: NodeProcess[]): Promise<void> {
    for (const node of nodes) this.local.kill(node, 'SIGKILL')
    await until('the killed are gone', () => nodes.every(node => node.child === undefined))
  }

  async startAgain(...nodes: NodeProcess[]): Promise<void> {
    for (const node of nodes) this.local.startNode(node)
    for (const node of nodes) {
      await until(
        `node ${node.number} is ready`,
        () => this.local.failed !== undefined || isReady(node.httpUrl),
      ).catch(error => {
        throw new Error(
          `${error.message}\n${readFileSync(join(node.dataDir, 'node.log'), 'utf8').slice(-2_000)}`,
        )
      })
    }
    if (this.local.failed !== undefined) throw new Error(this.local.failed)
  }

  /** What replicas do not keep of that which the bots were promised so far. */
  async broken(): Promise<BrokenPromise[]> {
    const promises = readPromises(this.promisesPath)
    const found: BrokenPromise[] = []
    for (const area of this.areas) {
      for (const member of area.members) {
        found.push(...(await brokenPromises(this.node(member).httpUrl, this.originOf(area), promises)))
      }
    }
    return found
  }

  async end(): Promise<void> {
    for (const node of this.local.nodes) this.local.kill(node, 'SIGCONT')
    await Promise.all([this.#players?.stop(), this.local.stop()])
    rmSync(this.dir, { recursive: true, force: true })
  }
}
