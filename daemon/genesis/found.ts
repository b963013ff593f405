import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { networkName, type RawSettings } from '../config/schema.ts'
import { badConfiguration, badUsage } from '../config/setup-error.ts'
import { dataDirFiles } from '../identity/data-dir.ts'
import { writeFileDurably } from '../identity/durable-file.ts'
import { createNodeKeys } from '../identity/node-keys.ts'
import { createOperatorKeys } from '../operators/keys.ts'
import { buildGenesis, type FoundingOperator, MAX_AREAS } from './build.ts'
import type { Genesis } from './genesis.ts'

/** Ports of one node: `first` for other nodes, then the gateway's and the HTTP API's. */
const PORTS_PER_NODE = 3
const MAX_FOUNDERS = 100

export interface FoundingPlan {
  readonly network: string
  /** Who runs the nodes, and commands. */
  readonly operator: string
  /** Where that one's keys are kept. */
  readonly operatorFile: string
  /** Who commands beside that one. */
  readonly otherOperators?: readonly FoundingOperator[]
  /** Data directory of each founding node, in the order of their numbers. */
  readonly dataDirs: readonly string[]
  /** Address of all of them, or of each, as others reach it. */
  readonly host: string | readonly string[]
  /** Of the first node; each takes three. */
  readonly firstPort: number
  readonly areas: number
  readonly replicas: number
  readonly createdAt: Date
  /** Characters go from area to area. */
  readonly borders?: 'open' | undefined
  /** Goes into each node's configuration file as well. */
  readonly settings?: RawSettings
}

export interface Founded {
  readonly genesis: Genesis
  readonly nodes: readonly { readonly number: number; readonly peerId: string; readonly dataDir: string }[]
}

/** Data directories of a network that is kept below one folder. */
export function nodeDirs(folder: string, nodes: number): string[] {
  return Array.from({ length: nodes }, (_, index) => join(folder, `node-${index + 1}`))
}

/**
 * Founds a network: keys, genesis file and configuration in each node's data directory. Throws a SetupError when a
 * directory already has a node, or when the numbers do not fit together.
 */
export function foundNetwork(plan: FoundingPlan): Founded {
  checkPlan(plan)
  const nodes = plan.dataDirs.map((dataDir, index) => ({
    dataDir,
    keys: createNodeKeys(dataDirFiles(dataDir).nodeKeys, plan.network),
    host: typeof plan.host === 'string' ? plan.host : plan.host[index]!,
    port: plan.firstPort + PORTS_PER_NODE * index,
  }))
  const { name, operator, recovery } = createOperatorKeys(plan.operatorFile, plan.operator)
  const genesis = buildGenesis({
    ...plan,
    nodes: nodes.map(({ keys, host, port }) => ({
      keys,
      operator: plan.operator,
      addresses: [multiaddrOf(host, port)],
    })),
    operators: [
      { name, key: operator.publicKey, recoveryKey: recovery.publicKey },
      ...(plan.otherOperators ?? []),
    ],
    seed: randomInt(2 ** 32),
  })
  for (const { dataDir, host, port } of nodes) {
    const files = dataDirFiles(dataDir)
    const settings: RawSettings = {
      network: plan.network,
      listen: [multiaddrOf(host, port)],
      gatewayPort: port + 1,
      httpPort: port + 2,
      ...plan.settings,
    }
    writeFileDurably(files.config, `${JSON.stringify(settings, undefined, 2)}\n`)
    // Last: a directory with a genesis file is whole.
    writeFileDurably(files.genesis, genesis.bytes)
  }
  return {
    genesis,
    nodes: nodes.map(({ dataDir, keys }, index) => ({ number: index + 1, peerId: keys.peerId, dataDir })),
  }
}

function checkPlan({ network, dataDirs, areas, replicas, firstPort }: FoundingPlan): void {
  const name = networkName.safeParse(network)
  if (!name.success) {
    throw badUsage('bad-plan', `"${network}" is no network's name: it ${name.error.issues[0]!.message}.`)
  }
  const nodes = dataDirs.length
  const within = (what: string, value: number, from: number, to: number): void => {
    if (Number.isInteger(value) && value >= from && value <= to) return
    throw badUsage('bad-plan', `${what} is ${value}: it must be a whole number from ${from} to ${to}.`)
  }
  within('The number of nodes', nodes, 1, MAX_FOUNDERS)
  within('The number of areas', areas, 1, MAX_AREAS)
  within('The number of replicas', replicas, 1, Math.min(nodes, 9))
  within('The first port', firstPort, 1, 65_536 - PORTS_PER_NODE * nodes)
  const taken = dataDirs.find(dataDir => existsSync(dataDirFiles(dataDir).genesis))
  if (taken === undefined) return
  throw badConfiguration(
    'already-there',
    `${taken} already holds a node: start it (freehold start --data-dir ${taken}), or found the new one elsewhere.`,
  )
}

function multiaddrOf(host: string, port: number): string {
  const family = host.includes(':') ? 'ip6' : /^[\d.]+$/.test(host) ? 'ip4' : 'dns'
  return `/${family}/${host}/tcp/${port}`
}
