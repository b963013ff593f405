import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { resourcesOf } from '../audit/verify/tiles.ts'
import { SetupError } from '../daemon/config/setup-error.ts'
import type { NodeApi } from './node-api.ts'

export interface ExportedLog {
  readonly origin: string
  readonly dir: string
  /** Leaves under the checkpoint. */
  readonly size: number
  readonly bodies: boolean
  /** Bundles of bodies that the node had and has dropped. */
  readonly droppedBundles: number
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
  let droppedBundles = 0
  for (const { path } of resourcesOf('entries', size)) {
    await needed(`${log}/${path}`)
    if (!bodies) continue
    try {
      bodies = (await copy(`${log}/${path.replace('tile/entries/', 'bodies/')}`)) !== undefined
    } catch (error) {
      if ((error as SetupError).code !== 'dropped') throw error
      droppedBundles += 1
    }
  }
  for (let level = 0; resourcesOf(level, size).length > 0; level++) {
    for (const { path } of resourcesOf(level, size)) await needed(`${log}/${path}`)
  }
  return { origin, dir, size, bodies, droppedBundles }
}

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}
