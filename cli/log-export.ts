import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SetupError } from '../daemon/config/setup-error.ts'
import type { NodeApi } from './node-api.ts'

const WIDTH = 256

export interface ExportedLog {
  readonly origin: string
  readonly dir: string
  /** Leaves under the checkpoint. */
  readonly size: number
  readonly bodies: boolean
}

/**
 * Copies a log as it is served: `genesis.json`, and below `log/<origin>/` the checkpoint, the charter, all tiles, entry
 * bundles and, where they are disclosed, bodies.
 */
export async function exportLog(api: NodeApi, origin: string, dir: string): Promise<ExportedLog> {
  const copy = async (path: string, to = path): Promise<Uint8Array | undefined> => {
    const bytes = await api.bytes(path)
    if (bytes !== undefined) write(join(dir, to), bytes)
    return bytes
  }
  const log = `log/${origin}`
  const checkpoint = await copy(`${log}/checkpoint`)
  if (checkpoint === undefined) {
    throw new SetupError(
      'not-found',
      `${api.root} serves no checkpoint of ${origin}: ask a node that holds it.`,
    )
  }
  const size = Number(Buffer.from(checkpoint).toString().split('\n')[1])
  await copy('api/v1/genesis', 'genesis.json')
  await copy(`${log}/charter`)
  const needed = async (path: string): Promise<void> => {
    if ((await copy(path)) === undefined)
      throw new SetupError('incomplete', `${api.root} misses ${path} of its own log.`)
  }
  let bodies = size > 0
  for (const place of places(size)) {
    await needed(`${log}/tile/entries/${place}`)
    if (bodies) bodies = (await copy(`${log}/bodies/${place}`)) !== undefined
  }
  for (const { level, hashes } of levels(size)) {
    for (const place of places(hashes)) await needed(`${log}/tile/${level}/${place}`)
  }
  return { origin, dir, size, bodies }
}

/** How many hashes each level of tiles has (C2SP tlog-tiles). */
function levels(size: number): { level: number; hashes: number }[] {
  const found = []
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / WIDTH))
    found.push({ level, hashes })
  return found
}

/** Paths of the full tiles that hold `count` items, and of the partial one at the end. */
function* places(count: number): Generator<string> {
  const full = Math.floor(count / WIDTH)
  for (let index = 0; index < full; index++) yield indexPath(index)
  if (count % WIDTH > 0) yield `${indexPath(full)}.p/${count % WIDTH}`
}

/** As `x001/x234/067`. */
function indexPath(index: number): string {
  const groups = []
  for (let rest = index; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(String(rest % 1000).padStart(3, '0'))
  }
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
}

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}
