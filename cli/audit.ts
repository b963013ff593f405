import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { badUsage, EXIT, SetupError } from '../daemon/config/setup-error.ts'
import { asSetupError } from './audit-errors.ts'
import { grantOf, withGrant } from './grant-file.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { wholeNumber } from './numbers.ts'
import { print, say } from './output.ts'
import { configOf } from './settings-options.ts'
import { endWithWord, stopSignals } from './signals.ts'

type AuditOptions = ReadCommandOptions & {
  readonly from: readonly string[]
  readonly everyCopy?: boolean
  readonly threads: number
}

export function auditCommand(): Command {
  return withGrant(
    readCommand(
      'audit',
      "check an authority's whole log: signatures, hashes, and every record replayed through the rules",
    ),
  )
    .argument('<AUTHORITY>', 'as area/0000; all: every log, on several threads, compared between sources')
    .addOption(
      new Option('--from <URL|DIR...>', "a node's HTTP API or an exported log").default(
        [],
        'the node of the data directory',
      ),
    )
    .option('--every-copy', 'with all: replay the copy of every source, not one of each log')
    .addOption(
      new Option('--threads <N>', 'with all: audits at once')
        .argParser(wholeNumber(1, 64))
        .default(availableParallelism(), 'one for each processor'),
    )
    .option('--genesis <FILE>', 'genesis file to trust (default: genesis.json in the data directory)')
    .action((authority: string, options: AuditOptions) =>
      authority === 'all' ? auditEverything(options) : audit(authority, options),
    )
}

async function audit(authority: string, options: AuditOptions): Promise<void> {
  const config = configOf(options)
  if (options.from.length > 1)
    throw new SetupError(
      'bad-usage',
      'One log is audited from one source; audit all compares several.',
      EXIT.usage,
    )
  let keptLeaves = 0
  endWithWord(() =>
    keptLeaves === 0
      ? 'nothing of this audit was kept, the next one begins anew.'
      : `the replay up to leaf ${keptLeaves.toLocaleString('en')} is kept, and the next audit goes on from there.`,
  )
  const { auditAuthority } = await import('../audit/audit.ts')
  const report = await auditAuthority({
    authority,
    from: options.from[0] ?? nodeApi(options).root,
    genesis: config.genesis,
    grant: grantOf(options),
    // What was seen before must not have changed.
    memory: join(config.dataDir, 'audit'),
    onProgress: say,
    onKept: leaves => {
      keptLeaves = leaves
    },
  }).catch(asSetupError)
  print(report, options, () => report.message)
  process.exitCode = report.ok ? EXIT.ok : EXIT.verificationFailed
}

async function auditEverything(options: AuditOptions): Promise<void> {
  if (grantOf(options) !== undefined) throw badUsage('usage', 'A grant is for one log: audit that one alone.')
  const config = configOf(options)
  const signals = stopSignals()
  signals.atOnce.addEventListener('abort', () => process.exit(EXIT.failed))
  const { auditAll } = await import('../audit/all/all.ts')
  const report = await auditAll({
    from: options.from.length > 0 ? options.from : [nodeApi(options).root],
    genesis: config.genesis,
    memory: join(config.dataDir, 'audit'),
    everyCopy: options.everyCopy === true,
    threads: options.threads,
    onProgress: say,
    until: signals.graceful,
  }).catch(asSetupError)
  print(report, options, () => report.message)
  process.exitCode = report.wrong ? EXIT.verificationFailed : report.ok ? EXIT.ok : EXIT.failed
}
