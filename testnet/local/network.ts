import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfig } from '../../daemon/config/settings.ts'
import { SetupError } from '../../daemon/config/setup-error.ts'
import { foundNetwork, nodeDirs } from '../../daemon/genesis/found.ts'
import { type Genesis, readGenesis } from '../../daemon/genesis/genesis.ts'
import { rulesContentHash } from '../../daemon/genesis/rules-hash.ts'
import { placesOf } from '../../daemon/genesis/schema.ts'
import type { AuthorityView } from '../../daemon/http/view.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import type { Position } from '../../world/codec.ts'
import { homeLine } from '../link/line.ts'
import { DelayingRelay, type RelayedNode } from '../link/relay.ts'
import { isReady, readAuthorities } from './api.ts'
import { endProcess, type NodeProcess, startNodeProcess } from './processes.ts'

export interface LocalNetworkPlan {
  readonly dir: string
  readonly nodes: number
  readonly areas: number
  readonly replicas: number
  /** Each node takes three ports from here on, and a fourth above them behind a relay. */
  readonly firstPort: number
  readonly fresh: boolean
  /** Characters go from area to area. */
  readonly borders?: 'open' | undefined
  /** What the command line of the node with this number is put behind (`NodeProcess.behind`). */
  readonly behind?: (node: number) => readonly string[]
  /** `home`: what nodes say to each other goes by a relay that is as slow as the lines between homes. */
  readonly link?: LinkKind | undefined
}

export type LinkKind = 'home'

const readyDeadlineMs = 60_000
const stopDeadlineMs = 3_500
const portsPerNode = 3
/** Everything is on one machine, so that a silent leader is soon a dead one. */
const timing = { electionMs: 250, heartbeatMs: 50 }
/** A line that stalls must not end a leader's time. */
const slowTiming = { electionMs: 1000, heartbeatMs: 100 }
const linkSeed = 1

/** A network of real processes on this machine, under one folder. */
export class LocalNetwork {
  readonly genesis: Genesis
  readonly nodes: readonly NodeProcess[]
  /** Whether the data of an earlier run was there. */
  readonly continued: boolean
  readonly genesisPath: string
  readonly #relayed: readonly RelayedNode[]
  #relay: DelayingRelay | undefined
  #stopping = false
  #failed: string | undefined

  private constructor(plan: LocalNetworkPlan, continued: boolean) {
    const dirs = nodeDirs(plan.dir, plan.nodes)
    this.continued = continued
    this.genesisPath = dataDirFiles(dirs[0]!).genesis
    this.genesis = readGenesis(this.genesisPath)
    this.#relayed = plan.link === undefined ? [] : dirs.map((dir, i) => relayedOf(this.genesis, dir, i))
    this.nodes = dirs.map((dataDir, i) => {
      const config = loadConfig({ flags: { dataDir }, env: {} })
      return {
        number: i + 1,
        dataDir,
        httpUrl: `http://${config.httpHost}:${config.httpPort}`,
        gatewayUrl: `ws://${config.gatewayHost}:${config.gatewayPort}`,
        behind: plan.behind?.(i + 1) ?? [],
        child: undefined,
        expectedEnd: false,
      }
    })
  }

  /** Where players go who can: the areas' own spawn points. */
  get goals(): { readonly goals?: readonly Position[] } {
    const open = placesOf(this.genesis.file).filter(({ borders }) => borders === 'open')
    return open.length > 1 ? { goals: open.flatMap(({ spawns }) => spawns) } : {}
  }

  /** Founds the network, or takes up the one that is there. @throws SetupError */
  static prepare(plan: LocalNetworkPlan): LocalNetwork {
    if (plan.fresh) for (const dir of nodeDirs(plan.dir, 100)) rmSync(dir, { recursive: true, force: true })
    const dirs = nodeDirs(plan.dir, plan.nodes)
    const continued = existsSync(dataDirFiles(dirs[0]!).genesis)
    if (!continued) {
      const operatorFile = join(plan.dir, 'operator-keys.json')
      // Of a network that is given up, or whose founding was cut short: founding writes over no keys.
      for (const path of [...dirs, operatorFile]) rmSync(path, { recursive: true, force: true })
      foundNetwork({
        network: 'testnet',
        operator: 'testnet',
        operatorFile,
        dataDirs: dirs,
        host: '127.0.0.1',
        firstPort: plan.firstPort,
        areas: plan.areas,
        replicas: plan.replicas,
        createdAt: new Date(),
        borders: plan.borders,
        settings: plan.link === undefined ? timing : slowTiming,
      })
      if (plan.link !== undefined) for (const [i, dir] of dirs.entries()) putBehindRelay(plan, dir, i)
    }
    checkFits(plan)
    return new LocalNetwork(plan, continued)
  }

  async start(): Promise<void> {
    if (this.#relayed.length > 0)
      this.#relay = await DelayingRelay.start(this.#relayed, homeLine, linkSeed).catch(noRelay)
    for (const node of this.nodes) this.startNode(node)
    const deadline = performance.now() + readyDeadlineMs
    for (const node of this.nodes) {
      while (!(await isReady(node.httpUrl))) {
        if (this.#failed !== undefined) throw new SetupError('node-failed', this.#failed)
        if (this.#stopping) return
        if (performance.now() > deadline) {
          throw new SetupError(
            'not-ready',
            `Node ${node.number} did not become ready; ${join(node.dataDir, 'node.log')} says why.`,
          )
        }
        await sleep(50)
      }
    }
  }

  startNode(node: NodeProcess): void {
    startNodeProcess(node, ({ number }, why) => {
      this.#failed ??= `Node ${number} ended by itself: ${why}`
    })
  }

  /** Why a node ended that should not have. */
  get failed(): string | undefined {
    return this.#failed
  }

  kill(node: NodeProcess, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (signal === 'SIGKILL') node.expectedEnd = true
    node.child?.kill(signal)
  }

  /** The authorities as the first node that answers sees them; `except` isn't asked. */
  async authorities(except?: NodeProcess): Promise<readonly AuthorityView[] | undefined> {
    for (const node of this.nodes) {
      if (node === except) continue
      const authorities = await this.authoritiesOf(node)
      if (authorities !== undefined) return authorities
    }
    return undefined
  }

  /** The authorities as this node sees them; undefined while it doesn't answer. */
  async authoritiesOf(node: NodeProcess): Promise<readonly AuthorityView[] | undefined> {
    return node.child === undefined ? undefined : await readAuthorities(node.httpUrl)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    for (const node of this.nodes) node.expectedEnd = true
    await Promise.all(this.nodes.map(node => endProcess(node.child, stopDeadlineMs)))
    this.#relay?.stop()
  }

  killAll(): void {
    this.#stopping = true
    for (const node of this.nodes) this.kill(node, 'SIGKILL')
    this.#relay?.stop()
  }
}

/** It listens elsewhere than the genesis file says, above the ports of all nodes; there the relay does. */
function putBehindRelay(plan: LocalNetworkPlan, dataDir: string, index: number): void {
  const { config } = dataDirFiles(dataDir)
  const settings = JSON.parse(readFileSync(config, 'utf8')) as { listen: string[] }
  const listen = [`/ip4/127.0.0.1/tcp/${plan.firstPort + portsPerNode * plan.nodes + index}`]
  writeFileSync(
    config,
    `${JSON.stringify({ ...settings, listen, announce: settings.listen }, undefined, 2)}\n`,
  )
}

function relayedOf({ file }: Genesis, dataDir: string, index: number): RelayedNode {
  const portOf = (address: string | undefined): number => Number(address?.split('/').at(-1))
  const { listen } = loadConfig({ flags: { dataDir }, env: {} })
  return { port: portOf(file.nodes[index]!.addresses[0]), ownPort: portOf(listen[0]) }
}

function noRelay(error: NodeJS.ErrnoException): never {
  throw new SetupError('no-relay', `The relay between the nodes cannot listen: ${error.message}.`)
}

function checkFits(plan: LocalNetworkPlan): void {
  const { file } = readGenesis(dataDirFiles(nodeDirs(plan.dir, 1)[0]!).genesis)
  const found = {
    nodes: file.nodes.length,
    areas: placesOf(file).length,
    replicas: placesOf(file)[0]!.members.length,
  }
  const differs = (['nodes', 'areas', 'replicas'] as const).find(what => found[what] !== plan[what])
  if (differs !== undefined) {
    throw new SetupError(
      'other-network',
      `The network in ${plan.dir} has ${found[differs]} ${differs}, not ${plan[differs]}: add --fresh to start over.`,
    )
  }
  const [node] = nodeDirs(plan.dir, 1)
  const { port, ownPort } = relayedOf(readGenesis(dataDirFiles(node!).genesis), node!, 0)
  if ((port !== ownPort) !== (plan.link !== undefined)) {
    const how = port === ownPort ? 'without' : 'with'
    throw new SetupError(
      'other-network',
      `The network in ${plan.dir} was founded ${how} --link home: add --fresh to start over.`,
    )
  }
  if (file.rules.contentHash !== rulesContentHash()) {
    throw new SetupError(
      'wrong-rules',
      `The network in ${plan.dir} was begun under other rules: add --fresh to start over.`,
    )
  }
}
