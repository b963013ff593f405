import { Command } from 'commander'
import type { NodeConfig } from '../daemon/config/settings.ts'
import { badUsage, EXIT } from '../daemon/config/setup-error.ts'
import { builtPage } from '../daemon/http/built-page.ts'
import { dataDirFiles } from '../daemon/identity/data-dir.ts'
import { removeRunFile, writeRunFile } from '../daemon/identity/run-file.ts'
import { parseLink } from '../daemon/joining/link.ts'
import { isSettled, settle } from '../daemon/joining/settle.ts'
import { createLogger } from '../daemon/log.ts'
import { say } from './output.ts'
import { reportError } from './report-error.ts'
import { addSettings, configOf } from './settings-options.ts'
import { aborted, stopSignals } from './signals.ts'

const STOP_DEADLINE_MS = 4000

export function startCommand(): Command {
  const command = new Command('start')
    .description('run a node until a signal ends it')
    .addHelpText(
      'after',
      '\nEach setting also has a variable (--http-port: FREEHOLD_HTTP_PORT) and a\nname in the configuration file ("httpPort"); a flag comes before the\nvariable, that before the file.',
    )
  return addSettings(command)
    .option('--join <LINK>', 'become a node of the world that a link leads to (freehold link prints one)')
    .option('--wipe-store', 'set a damaged store aside and fetch its contents anew from the other nodes')
    .action(start)
}

/** The settings of a data directory that is of a node of the link's world: made now, or an earlier time. */
async function join(text: string, options: Record<string, unknown>): Promise<NodeConfig> {
  const link = parseLink(text)
  const given = { network: link.network, ...options }
  const { network, dataDir, genesis } = configOf(given)
  if (network !== link.network) {
    throw badUsage(
      'other-name',
      `The link leads to ${link.network}, --network says ${network}: leave it out.`,
    )
  }
  if (genesis !== dataDirFiles(dataDir).genesis) {
    throw badUsage('usage', '--join brings the genesis file along: leave --genesis out.')
  }
  if (!isSettled(dataDir, link)) {
    const { fetchGenesis } = await import('../daemon/joining/fetch.ts')
    const bytes = await fetchGenesis(link, say)
    settle(dataDir, link, bytes)
    say(`${dataDir} has the genesis file (${bytes.length.toLocaleString('en')} bytes) and new keys.`)
  }
  return configOf(given)
}

async function start(options: Record<string, unknown>): Promise<void> {
  const config = typeof options.join === 'string' ? await join(options.join, options) : configOf(options)
  const signals = stopSignals()
  signals.atOnce.addEventListener('abort', () => process.exit(EXIT.failed))
  // Until it runs there is nothing to end in order: it has made no promise to any client.
  const endAtOnce = (): never => process.exit(EXIT.ok)
  signals.graceful.addEventListener('abort', endAtOnce)
  const { startNode } = await import('../daemon/node.ts')
  const node = await startNode(config, {
    log: createLogger(config.logLevel),
    pageDir: builtPage(),
    wipeStore: options.wipeStore === true,
    // Nothing that it acknowledged is lost; it must not go on.
    onFatal: error => process.exit(reportError(error)),
    onWaiting: say,
  })
  signals.graceful.removeEventListener('abort', endAtOnce)
  const runFile = dataDirFiles(config.dataDir).run
  const { number, peerId, network, httpUrl, gatewayUrl, listen } = node.view.status()
  const startedAt = new Date().toISOString()
  writeRunFile(runFile, {
    pid: process.pid,
    number,
    peerId,
    network,
    httpUrl,
    gatewayUrl,
    listen: [...listen],
    startedAt,
  })
  say(`Node ${number} of ${network} runs: map and API at ${httpUrl}, game clients at ${gatewayUrl}`)

  await aborted(signals.graceful)
  say('Stopping (a second signal stops at once) …')
  // What still hangs after its own deadline must not keep the process.
  setTimeout(() => process.exit(EXIT.failed), STOP_DEADLINE_MS + 500).unref()
  removeRunFile(runFile)
  try {
    await node.stop(STOP_DEADLINE_MS)
    process.exit(EXIT.ok)
  } catch (error) {
    process.exit(reportError(error))
  }
}
