import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathOf, type Resource, resourceAt } from '../audit/log/paths.ts'
import { parseCheckpoint } from '../audit/verify/checkpoint.ts'
import { parseNote } from '../audit/verify/note.ts'
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

/** It becomes a folder here, whatever the node says. */
const originPattern = /^(?!\.)[a-z0-9.-]{1,63}\/(?:area\/[0-3]{1,16}|org\/[a-z0-9-]{1,32})\/\d{1,10}$/

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
  if (!originPattern.test(origin))
    throw new SetupError('unknown-authority', `${api.root} knows no authority ${origin}.`)
  const log = `log/${origin}`
  const checkpoint = await copy(`${log}/checkpoint`)
  if (checkpoint === undefined) {
    throw new SetupError(
      'not-found',
      `${api.root} serves no checkpoint of ${origin}: ask a node that holds it.`,
    )
  }
  const size = parseCheckpoint(parseNote(Buffer.from(checkpoint).toString())?.text ?? '')?.size
  if (size === undefined)
    throw new SetupError('no-node', `${api.root} is no node: what it serves as a checkpoint is none.`)
  await copy('api/v1/genesis', 'genesis.json')
  await copy(`${log}/charter`)
  const needed = async (path: string): Promise<void> => {
    if ((await copy(path)) === undefined)
      throw new SetupError('incomplete', `${api.root} misses ${path} of its own log.`)
  }
  let bodies = size > 0
  let droppedBundles = 0
  for (const entries of resources('entries', size)) {
    await needed(`${log}/${pathOf(entries)}`)
    if (!bodies) continue
    try {
      bodies = (await copy(`${log}/${pathOf({ ...entries, section: 'bodies' })}`)) !== undefined
    } catch (error) {
      if ((error as SetupError).code !== 'dropped') throw error
      droppedBundles += 1
    }
  }
  for (let level = 0; resourceAt(level, 0, size) !== undefined; level++) {
    for (const tile of resources(level, size)) await needed(`${log}/${pathOf(tile)}`)
  }
  return { origin, dir, size, bodies, droppedBundles }
}

/** One by one: a node may say of its log that it is of any size. */
function* resources(section: Resource['section'], size: number): Generator<Resource> {
  for (let index = 0; ; index++) {
    const resource = resourceAt(section, index, size)
    if (resource === undefined) return
    yield resource
  }
}

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}
