import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sha256 } from './crypto.ts'
import { hex } from './verify/bytes.ts'

const world = fileURLToPath(new URL('../world', import.meta.url))

/** The content hash (hex) of the rules that this program replays with, as a genesis file names them: docs/protocol.md. */
export function ownRulesHash(): string {
  const sources = readdirSync(world, { recursive: true, encoding: 'utf8' })
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => /\.pb\.js$|(?<!\.d)\.ts$/.test(path))
    .sort()
    .map(path => `${path}\n${readFileSync(join(world, path), 'utf8').replaceAll('\r\n', '\n')}`)
  return hex(sha256(Buffer.from(sources.join(''))))
}
