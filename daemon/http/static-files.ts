import { hash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'

const MAX_FILES = 500
const MAX_BYTES = 32 * 1024 * 1024

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
}

export interface StaticFile {
  readonly bytes: Uint8Array
  readonly type: string
  readonly etag: string
  readonly cacheControl: string
}

/**
 * The map page's files, read once: by URL path, so that a request can name nothing outside of them. Only types that a
 * page is made of are taken.
 */
export function loadStaticFiles(folder: string): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>()
  let total = 0
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const type = TYPES[extname(name)]
    const path = join(folder, name)
    if (type === undefined || !statSync(path).isFile()) continue
    const bytes = readFileSync(path)
    total += bytes.length
    if (files.size >= MAX_FILES || total > MAX_BYTES) {
      throw new RangeError(
        `${folder} holds more than a page: at most ${MAX_FILES} files and ${MAX_BYTES} bytes.`,
      )
    }
    files.set(`/${name.replaceAll('\\', '/')}`, {
      bytes,
      type,
      etag: etagOf(bytes),
      cacheControl: cacheFor(name),
    })
  }
  const index = files.get('/index.html')
  if (index !== undefined) files.set('/', index)
  return files
}

function etagOf(bytes: Uint8Array): string {
  return `"${hash('sha256', bytes).slice(0, 24)}"`
}

/** The page's build puts a hash of the content into the names below assets/. */
function cacheFor(name: string): string {
  return /^assets[/\\].*-[\w-]{8}\.\w+$/.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache'
}
