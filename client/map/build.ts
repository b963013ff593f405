import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'vite'
import config from './vite.config.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const STAMP = 'sources.json'
/** SHA-256 in hex of each source that the page was made of, by path from the project's root. */
type Stamp = Record<string, string>

export interface BuiltMap {
  readonly outDir: string
  /** False when what was there is still the same. */
  readonly built: boolean
}

async function hashOf(path: string): Promise<string> {
  const content = await readFile(join(root, path)).catch(() => undefined)
  return content === undefined ? 'missing' : createHash('sha256').update(content).digest('hex')
}

async function isCurrent(outDir: string): Promise<boolean> {
  const text = await readFile(join(outDir, STAMP), 'utf8').catch(() => undefined)
  if (text === undefined) return false
  const stamp = JSON.parse(text) as Stamp
  const hashes = await Promise.all(Object.keys(stamp).map(hashOf))
  return Object.values(stamp).every((hash, at) => hash === hashes[at])
}

/** What goes into every page though no module imports it; the lock stands for everything in node_modules. */
async function pageFiles(): Promise<string[]> {
  const names = await readdir(here, { recursive: true })
  const files = names.filter(name => /\.(?:css|html|svg)$|^vite\.config\.ts$/.test(name))
  return ['package-lock.json', ...files.map(name => fromRoot(join(here, name)))]
}

const fromRoot = (path: string): string => relative(root, path).split(sep).join('/')

function recordSources(sources: Set<string>): Plugin {
  return {
    name: 'record-sources',
    moduleParsed({ id }) {
      const path = fromRoot(id.split('?')[0]!)
      const isOurs = !path.startsWith('..') && !id.startsWith('\0') && !path.includes('node_modules/')
      if (isOurs) sources.add(path)
    },
  }
}

/**
 * Builds the map page into `outDir`, or leaves it when none of its sources changed. The folder is replaced in one
 * step, so a node that serves it never sees half a page.
 */
export async function buildMap(outDir: string): Promise<BuiltMap> {
  if (await isCurrent(outDir)) return { outDir, built: false }
  const fresh = `${outDir}.${process.pid}.new`
  const sources = new Set<string>(await pageFiles())
  await mkdir(dirname(outDir), { recursive: true })
  await build({
    ...config,
    configFile: false,
    logLevel: 'warn',
    plugins: [recordSources(sources)],
    build: { ...config.build, outDir: fresh, emptyOutDir: true },
  })
  const paths = [...sources].sort()
  const hashes = await Promise.all(paths.map(hashOf))
  const stamp: Stamp = Object.fromEntries(paths.map((path, at) => [path, hashes[at]!]))
  await writeFile(join(fresh, STAMP), `${JSON.stringify(stamp, undefined, 1)}\n`)
  await rm(outDir, { recursive: true, force: true })
  await rename(fresh, outDir)
  return { outDir, built: true }
}
