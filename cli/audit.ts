import { join } from 'node:path'
import type { Command } from 'commander'
import { EXIT } from '../daemon/config/setup-error.ts'
import { asSetupError } from './audit-errors.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { print, say } from './output.ts'
import { configOf } from './settings-options.ts'

type AuditOptions = ReadCommandOptions & { readonly from?: string }

export function auditCommand(): Command {
  return readCommand(
    'audit',
    "check an authority's whole log: signatures, hashes, and every record replayed through the rules",
  )
    .argument('<AUTHORITY>', 'as area/0000')
    .option(
      '--from <URL|DIR>',
      "a node's HTTP API or an exported log (default: the node of the data directory)",
    )
    .option('--genesis <FILE>', 'genesis file to trust (default: genesis.json in the data directory)')
    .action(audit)
}

async function audit(authority: string, options: AuditOptions): Promise<void> {
  const config = configOf(options)
  const { auditAuthority } = await import('../audit/audit.ts')
  const report = await auditAuthority({
    authority,
    from: options.from ?? nodeApi(options).root,
    genesis: config.genesis,
    // What was seen before must not have changed.
    memory: join(config.dataDir, 'audit'),
    onProgress: say,
  }).catch(asSetupError)
  print(report, options, () => report.message)
  process.exitCode = report.ok ? EXIT.ok : EXIT.verificationFailed
}
