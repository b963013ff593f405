import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WORLD = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'world')

/**
 * SHA-256 (hex) over the rules' sources: for each file, sorted by its path inside `world/`, `path\n` and its text with
 * LF line ends. A published build carries the sources beside the compiled files, so that it gives the same hash.
 */
export function rulesContentHash(folder = WORLD): string {
  const digest = createHash('sha256')
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => (path.endsWith('.ts') && !path.endsWith('.d.ts')) || path.endsWith('.pb.js'))
    .sort()
  for (const path of paths) {
    digest.update(`${path}\n`)
    digest.update(readFileSync(join(folder, path), 'utf8').replaceAll('\r\n', '\n'))
  }
  return digest.digest('hex')
}
