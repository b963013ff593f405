import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { defaultDataDir } from '../daemon/config/settings.ts'
import { wholeNumber } from './numbers.ts'
import { stopSignals } from './signals.ts'

interface TestnetOptions {
  readonly nodes: number
  readonly areas: number
  readonly replicas: number
  readonly bots: number
  readonly port: number
  readonly duration?: number
  readonly dir?: string
  readonly chaos?: boolean
  readonly fresh?: boolean
  readonly json?: boolean
  readonly history?: string
  readonly link?: 'home'
}

export function testnetCommand(): Command {
  return new Command('testnet')
    .description('run a whole network with bots on this machine, with a live status and map')
    .option('--nodes <N>', 'nodes, each a process', wholeNumber(1, 100), 5)
    .option('--areas <N>', 'areas of the world', wholeNumber(1), 4)
    .option('--replicas <N>', 'nodes that hold each area', wholeNumber(1, 9), 3)
    .option('--bots <N>', 'players that play by themselves', wholeNumber(0, 100_000), 100)
    .option('--port <PORT>', 'first port; each node takes three', wholeNumber(1, 65_000), 7300)
    .option('--duration <SECONDS>', 'end by itself, and audit every replica', wholeNumber(1))
    .option('--chaos', 'kill the leader of the busiest area, twice')
    .addOption(
      new Option('--link <KIND>', 'lines between the nodes: home (40 ms, 20 Mbit/s)').choices(['home']),
    )
    .option('--fresh', 'throw the data of the last time away')
    .option('--dir <DIR>', 'where its data is kept (default: $XDG_DATA_HOME/freehold/testnet)')
    .option('--history <FILE>', 'write what some clients ask for and are answered, to be checked')
    .option('--json', 'print one line of JSON at the end, and nothing else')
    .action(testnet)
}

async function testnet(options: TestnetOptions): Promise<void> {
  const { graceful, atOnce } = stopSignals()
  const { runTestnet } = await import('../testnet/main.ts')
  process.exitCode = await runTestnet({
    ...options,
    ...(options.history === undefined ? {} : { history: resolve(options.history) }),
    dir: resolve(options.dir ?? defaultDataDir('testnet', process.env)),
    stop: graceful,
    stopAtOnce: atOnce,
  })
}
