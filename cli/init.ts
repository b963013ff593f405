import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { defaultDataDir } from '../daemon/config/settings.ts'
import { foundNetwork, nodeDirs } from '../daemon/genesis/found.ts'
import { placesOf } from '../daemon/genesis/schema.ts'
import { readCard } from '../daemon/operators/card.ts'
import { several, wholeNumber } from './numbers.ts'
import { facts, print } from './output.ts'

interface InitOptions {
  readonly network: string
  readonly nodes: number
  readonly areas: number
  readonly replicas?: number
  readonly dir?: string
  readonly host: string
  readonly port: number
  readonly operator: string
  readonly card: readonly string[]
  readonly json?: boolean
}

export function initCommand(): Command {
  return new Command('init')
    .description('found a network: a genesis file, and keys and settings for each of its nodes')
    .option('--network <NAME>', 'name of the network', 'local')
    .option('--nodes <N>', 'founding nodes', wholeNumber(1, 100), 1)
    .option('--areas <N>', 'areas of the world', wholeNumber(1), 4)
    .option('--replicas <N>', 'nodes that hold each area (default: 3, or all)', wholeNumber(1, 9))
    .option('--dir <DIR>', 'folder for node-1, node-2, … (default: where freehold start looks)')
    .option('--host <HOST>', 'address at which the nodes reach each other', '127.0.0.1')
    .option('--port <PORT>', 'first port; each node takes three', wholeNumber(1, 65_533), 7300)
    .option('--operator <NAME>', 'who runs them', userInfo().username)
    .option('--card <FILE>', 'card of somebody who commands too; again for another', several, [])
    .option('--json', 'print one line of JSON')
    .action(init)
}

function init(options: InitOptions): void {
  const alone = options.dir === undefined && options.nodes === 1
  const folder = resolve(options.dir ?? defaultDataDir(options.network, process.env))
  const operatorFile = join(folder, 'operator-keys.json')
  const { genesis, nodes } = foundNetwork({
    ...options,
    dataDirs: alone ? [folder] : nodeDirs(folder, options.nodes),
    operatorFile,
    otherOperators: options.card.map(readCard),
    firstPort: options.port,
    replicas: options.replicas ?? Math.min(3, options.nodes),
    createdAt: new Date(),
  })
  print({ network: options.network, genesisHash: genesis.hashHex, nodes }, options, () =>
    [
      facts([
        ['network', options.network],
        ['genesis', genesis.hashHex],
        [
          'areas',
          placesOf(genesis.file)
            .map(area => area.name)
            .join(', '),
        ],
      ]),
      ...nodes.map(node => `node ${node.number}  ${node.dataDir}`),
      `keys of its operator, for you alone: ${operatorFile}`,
      '',
      alone && options.network === 'local'
        ? 'Start it: freehold start'
        : `Start each: freehold start --data-dir ${nodes[0]!.dataDir}`,
    ].join('\n'),
  )
}
