import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { badUsage, EXIT, SetupError } from '../daemon/config/setup-error.ts'
import { dataDirFiles, takeLock } from '../daemon/identity/data-dir.ts'
import { readNodeKeys } from '../daemon/identity/node-keys.ts'
import { readRunFile } from '../daemon/identity/run-file.ts'
import { cosignerKey } from '../daemon/witnesses/cosigner-key.ts'
import { asSetupError } from './audit-errors.ts'
import { wholeNumber } from './numbers.ts'
import { print, type ReadOptions, say } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'
import { aborted, stopSignals } from './signals.ts'

const DEFAULT_PORT = 7780

type Options = ReadOptions &
  Record<string, unknown> & {
    readonly host: string
    readonly port: number
    readonly name?: string
    readonly from: readonly string[]
  }

/** The service of C2SP tlog-witness, by the cosigning key of a node, for every log in the genesis file. */
export function witnessCommand(): Command {
  const command = new Command('witness')
    .description("cosign others' checkpoints, each log's only as it grows (C2SP tlog-witness)")
    .option('--host <HOST>', 'address to listen on', '127.0.0.1')
    .option('--port <PORT>', 'port to listen on, 0 for any', wholeNumber(0, 65_535), DEFAULT_PORT)
    .addOption(
      new Option(
        '--from <URL|DIR...>',
        "whom to ask for certificates when a node has signed that is no founder of a log: nodes' HTTP APIs",
      ).default([], 'the node of the data directory, while it runs'),
    )
    .option('--name <NAME>', 'its name in cosignatures (default: <network>/witness/<peer id>)')
    .option('--json', 'print one line of JSON once it listens')
  return addSettings(command, ['network', 'dataDir', 'genesis']).action(witness)
}

async function witness(options: Options): Promise<void> {
  const config = configOf(options)
  const signals = stopSignals()
  signals.atOnce.addEventListener('abort', () => process.exit(EXIT.failed))
  const keys = readNodeKeys(dataDirFiles(config.dataDir).nodeKeys)
  const name = options.name ?? `${keys.network}/witness/${keys.peerId}`
  if (/[\s+]/.test(name) || name === '')
    throw badUsage('usage', `--name is "${name}": it has no spaces and no plus.`)
  const vkey = cosignerKey(name, keys.cosign.publicKey)
  const memory = join(config.dataDir, 'witness')
  mkdirSync(memory, { recursive: true })
  // Two that compare and write by turns could cosign what contradicts.
  const lock = join(memory, 'lock')
  takeLock(lock, memory)
  const { startWitness } = await import('../audit/witness/start.ts')
  const running = await startWitness({
    vkey,
    sign: message => keys.cosign.sign(message),
    genesis: config.genesis,
    from: () => (options.from.length > 0 ? options.from : ownNode(config.dataDir)),
    memory,
    host: options.host,
    port: options.port,
    accused: path => say(`A log has shown two faces. The evidence: ${path}`),
  }).catch(cannotListen)
  print({ url: running.url, name, vkey, logs: running.logs }, options, () =>
    [`Witness of ${running.logs} logs at ${running.url}`, `Its verifier key: ${vkey}`].join('\n'),
  )
  await aborted(signals.graceful)
  await running.stop()
  rmSync(lock, { force: true })
}

/** The node that runs on the data directory, if one does. */
function ownNode(dataDir: string): string[] {
  const url = readRunFile(dataDirFiles(dataDir).run)?.httpUrl
  return url === undefined ? [] : [url]
}

function cannotListen(error: unknown): never {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL')
    throw new SetupError(
      'cannot-listen',
      `${address}:${port} cannot be listened on (${code}): choose another --port.`,
    )
  return asSetupError(error)
}
