import { Command } from 'commander'
import { EXIT } from '../daemon/config/setup-error.ts'
import { asSetupError } from './audit-errors.ts'
import { print, type ReadOptions } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

type VerifyOptions = ReadOptions & Record<string, unknown> & { readonly certificates?: string }

export const certificatesOption = [
  '--certificates <FILE>',
  "the log's file `certificates`, where somebody signed who became a member later",
] as const

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('check a proof, receipt, checkpoint or evidence with nothing but the genesis file')
    .argument('<FILE>', 'what somebody gave you')
    .option(...certificatesOption)
    .option('--json', 'print one line of JSON')
  return addSettings(command, ['network', 'dataDir', 'genesis']).action(verify)
}

async function verify(file: string, options: VerifyOptions): Promise<void> {
  const { genesis } = configOf(options)
  const { certificates } = options
  const { verifyFile } = await import('../audit/verify-file.ts')
  const verdict = await verifyFile({ file, genesis, certificates }).catch(asSetupError)
  print(verdict, options, () => verdict.message)
  process.exitCode = verdict.ok ? EXIT.ok : EXIT.verificationFailed
}
