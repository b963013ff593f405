import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { ExportFormat } from '../audit/export/export.ts'
import { EXIT } from '../daemon/config/setup-error.ts'
import { asSetupError } from './audit-errors.ts'
import { grantOf, withGrant } from './grant-file.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { print, say } from './output.ts'
import { configOf } from './settings-options.ts'
import { stopSignals } from './signals.ts'

type ExportOptions = ReadCommandOptions & { readonly format: ExportFormat; readonly from?: string }

export function exportCommand(): Command {
  return withGrant(readCommand('export', "audit an authority's log and write all of it to one file"))
    .argument('<AUTHORITY>', 'as area/0000')
    .argument('<FILE>', 'file to write')
    .addOption(
      new Option('--format <FORMAT>', 'json: lines that people can read; sqlite: for questions')
        .choices(['json', 'sqlite'])
        .default('json'),
    )
    .option(
      '--from <URL|DIR>',
      "a node's HTTP API or an exported log (default: the node of the data directory)",
    )
    .option('--genesis <FILE>', 'genesis file to trust (default: genesis.json in the data directory)')
    .action(exportTo)
}

async function exportTo(authority: string, file: string, options: ExportOptions): Promise<void> {
  const { genesis } = configOf(options)
  const { exportAuthority } = await import('../audit/export/export.ts')
  const { format } = options
  const from = options.from ?? nodeApi(options).root
  const grant = grantOf(options)
  const until = stopSignals().graceful
  const report = await exportAuthority({
    ...{ authority, from, genesis, grant, file, format, onProgress: say },
    until,
  }).catch(error => {
    if (!until.aborted) asSetupError(error)
    say(error.message)
    // What is under way goes nowhere.
    process.exit(EXIT.failed)
  })
  const { ok, origin, size } = report
  print({ ok, origin, size, file: resolve(file), format, findings: report.findings }, options, () =>
    ok ? `${size} records of ${origin} are in ${file}` : `${report.message}\nNothing was written.`,
  )
  process.exitCode = ok ? EXIT.ok : EXIT.verificationFailed
}
