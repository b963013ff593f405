import { join } from 'node:path'
import { Command, Option } from 'commander'
import { type Sighting, sentenceOf } from '../audit/monitor/sighting.ts'
import { EXIT } from '../daemon/config/setup-error.ts'
import { asSetupError } from './audit-errors.ts'
import { wholeNumber } from './numbers.ts'
import { print, type ReadOptions, say } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'
import { stopSignals } from './signals.ts'

const EVERY_MS = 1_000
const STILL_AFTER_SECONDS = 60

type Options = ReadOptions &
  Record<string, unknown> & {
    readonly authority: readonly string[]
    readonly everyMs: number
    readonly stillAfter: number
  }

/** An auditor's watch without a node: the same logs from several nodes, compared for as long as it runs. */
export function monitorCommand(): Command {
  const command = new Command('monitor')
    .description('watch what several nodes show of the same logs, and catch two faces')
    .argument('<URL...>', "nodes' HTTP APIs, or folders that mirror them")
    .addOption(
      new Option('--authority <NAME...>', 'only these, as area/0000').default([], 'all of the genesis file'),
    )
    .option('--every-ms <MS>', 'how often to look', wholeNumber(100, 3_600_000), EVERY_MS)
    .option(
      '--still-after <SECONDS>',
      'tell of a log that has not grown for so long',
      wholeNumber(1, 1_000_000),
      STILL_AFTER_SECONDS,
    )
    .option('--json', 'print each sighting as a line of JSON')
  return addSettings(command, ['network', 'dataDir', 'genesis']).action(monitor)
}

async function monitor(urls: string[], options: Options): Promise<void> {
  const config = configOf(options)
  const signals = stopSignals()
  signals.atOnce.addEventListener('abort', () => process.exit(EXIT.failed))
  const { runMonitor } = await import('../audit/monitor/start.ts')
  say(`Watching ${urls.length} sources (Ctrl-C ends it) …`)
  const contradictions = await runMonitor({
    urls,
    genesis: config.genesis,
    authorities: options.authority,
    memory: join(config.dataDir, 'monitor'),
    everyMs: options.everyMs,
    stillAfterMs: options.stillAfter * 1_000,
    saw: sighting => tell(sighting, options),
    until: signals.graceful,
  }).catch(asSetupError)
  if (contradictions > 0) process.exitCode = EXIT.verificationFailed
}

function tell(sighting: Sighting, options: Options): void {
  const time = new Date().toISOString()
  print({ time, ...sighting }, options, () => `${time.slice(11, 19)}  ${sentenceOf(sighting)}`)
}
