import { resolve } from 'node:path'
import { Command } from 'commander'
import { asSetupError } from './audit-errors.ts'
import { print, type ReadOptions } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

export function importCommand(): Command {
  const command = new Command('import')
    .description("restore a log's files from what freehold export wrote")
    .argument('<FILE>', 'the export, in either format')
    .argument('<DIR>', 'folder to write to: it can be audited, exported and served like any log')
    .option('--json', 'print one line of JSON')
  return addSettings(command, ['network', 'dataDir', 'genesis']).action(importFrom)
}

async function importFrom(
  file: string,
  dir: string,
  options: ReadOptions & Record<string, unknown>,
): Promise<void> {
  const { genesis } = configOf(options)
  const { restoreLog } = await import('../audit/export/restore.ts')
  const restored = await restoreLog({ file, genesis, dir: resolve(dir) }).catch(asSetupError)
  print(restored, options, () => `${restored.size} leaves of ${restored.origin} are in ${dir}`)
}
