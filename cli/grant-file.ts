import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { SetupError } from '../daemon/config/setup-error.ts'
import { decodeGrant, type Grant } from '../daemon/disclosure/grant.ts'

/** For commands that read what an org shows to those only who hold a grant. */
export function withGrant(command: Command): Command {
  return command.option('--grant <FILE>', 'file with a grant, for what an org does not show to everybody')
}

/** What is shown to the node; undefined where no grant was named. */
export function grantOf(options: Record<string, unknown>): string | undefined {
  const file = options['grant']
  return typeof file === 'string' ? readGrantFile(file).text : undefined
}

/** @throws SetupError `unreadable-file`, `bad-grant` */
export function readGrantFile(file: string): { readonly text: string; readonly grant: Grant } {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new SetupError('unreadable-file', `${file} cannot be read (${code}).`)
  }
  const bytes = Buffer.from(text, 'base64')
  const grant = bytes.toString('base64') === text ? decodeGrant(bytes) : undefined
  if (grant === undefined) throw new SetupError('bad-grant', `${file} is no grant.`)
  return { text, grant }
}
