import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where `npm start` builds the map page when it runs from the sources. */
export const pageCacheDir = join(root, '.cache', 'map')
/** Where a built program has it. */
export const bundledPageDir = join(root, 'map')

/** The built map page: beside a built program, or from the last `npm start`; undefined when there is none. */
export function builtPage(): string | undefined {
  return [bundledPageDir, pageCacheDir].find(dir => existsSync(join(dir, 'index.html')))
}
