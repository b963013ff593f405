/** What this program is: hashes of its own files. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sha256 } from './crypto.ts'
import { hex } from './verify/bytes.ts'

const folderOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** The content hash (hex) of the rules that this program replays with, as a genesis file names them: docs/protocol.md. */
export function ownRulesHash(): string {
  return contentHash(folderOf('../world'), /\.pb\.js$|(?<!\.d)\.ts$/)
}

let known: string | undefined

/**
 * Of the checks that an audit makes, and of the rules: what a program with others found in order, this one looks at again. Whether
 * sources run or what was built of them makes another hash as well, and does no harm.
 */
export function ownAuditHash(): string {
  const hashes = () =>
    ['../audit', '../client/protocol', '../world'].map(name =>
      contentHash(folderOf(name), /\.js$|(?<!\.d)\.ts$/),
    )
  known ??= hex(sha256(Buffer.from(hashes().join('')))).slice(0, 16)
  return known
}

function contentHash(folder: string, isCode: RegExp): string {
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => isCode.test(path))
    .sort()
    .map(path => `${path}\n${readFileSync(join(folder, path), 'utf8').replaceAll('\r\n', '\n')}`)
  return hex(sha256(Buffer.from(sources.join(''))))
}
