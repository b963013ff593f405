import { Command } from 'commander'
import { EXIT } from '../daemon/config/setup-error.ts'
import { asSetupError } from './audit-errors.ts'
import { print, type ReadOptions } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('check a proof, receipt, checkpoint or evidence with nothing but the genesis file')
    .argument('<FILE>', 'what somebody gave you')
    .option('--json', 'print one line of JSON')
  return addSettings(command, ['network', 'dataDir', 'genesis']).action(verify)
}

async function verify(file: string, options: ReadOptions & Record<string, unknown>): Promise<void> {
  const { genesis } = configOf(options)
  const { verifyFile } = await import('../audit/verify-file.ts')
  const verdict = await verifyFile({ file, genesis }).catch(asSetupError)
  print(verdict, options, () => verdict.message)
  process.exitCode = verdict.ok ? EXIT.ok : EXIT.verificationFailed
}
