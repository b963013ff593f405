import { existsSync } from 'node:fs'
import { configOf } from './settings-options.ts'

/** The command that verifies a file, to be copied: it names the genesis file unless that is found without. */
export function verifyHint(file: string, options: Record<string, unknown>): string {
  return ['freehold verify', quoted(file), ...genesisFlag(options)].join(' ')
}

function genesisFlag(options: Record<string, unknown>): string[] {
  const named = options['genesis']
  if (typeof named === 'string') return ['--genesis', quoted(named)]
  const { genesis } = configOf(options)
  // A node elsewhere was asked, and nobody has said yet which genesis file is believed.
  if (!existsSync(genesis)) return ['--genesis', 'GENESIS-FILE']
  return genesis === configOf({}).genesis ? [] : ['--genesis', quoted(genesis)]
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
