import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** package.json lies one folder up from the sources, two from a build. */
function readVersion(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  const file = [join(here, '..', 'package.json'), join(here, '..', '..', 'package.json')].find(path =>
    existsSync(path),
  )
  return file === undefined ? 'unknown' : JSON.parse(readFileSync(file, 'utf8')).version
}

export const version = readVersion()
