import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EVERYTHING, formatKept, type Kept, parseKept } from '../audit/log/kept.ts'
import { pathOf, type Resource, resourceAt } from '../audit/log/paths.ts'
import { parseManifest } from '../audit/replay/snapshot.ts'
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
  /** Bundles of bodies that the node had and has dropped, and that were not copied before. */
  readonly droppedBundles: number
  /** Leaves in the log at each state that was copied: an audit of the rest may begin there. */
  readonly snapshots: readonly number[]
}

/** It becomes a folder here, whatever the node says. */
const originPattern = /^(?!\.)[a-z0-9.-]{1,63}\/(?:area\/[0-3]{1,16}|org\/[a-z0-9-]{1,32})\/\d{1,10}$/

type Copy = (path: string, to?: string) => Promise<Uint8Array | undefined>

/**
 * Copies a log as it is served: `genesis.json`, and below `log/<origin>/` the checkpoint, the members' decision, the charter, all
 * tiles, entry bundles and, where they are disclosed, bodies; with states of the log, where old bodies are gone.
 */
export async function exportLog(api: NodeApi, origin: string, dir: string): Promise<ExportedLog> {
  const copy: Copy = async (path, to = path) => {
    const bytes = await api.bytes(path)
    if (bytes !== undefined) write(join(dir, to), bytes)
    return bytes
  }
  if (!originPattern.test(origin))
    throw new SetupError('unknown-authority', `${api.root} knows no authority ${origin}.`)
  const log = `log/${origin}`
  // Before the checkpoint: what the members have decided is under it then.
  await copy(`${log}/certificates`)
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
  for (const entries of resources('entries', size)) await needed(`${log}/${pathOf(entries)}`)
  for (let level = 0; resourceAt(level, 0, size) !== undefined; level++) {
    for (const tile of resources(level, size)) await needed(`${log}/${pathOf(tile)}`)
  }
  const dropped = await copyBodies(copy, log, dir, size)
  const bodies = dropped !== undefined
  const states = bodies ? await copyStates(api, copy, log, dir, dropped.bodiesFrom) : []
  return { origin, dir, size, bodies, droppedBundles: dropped?.bundles ?? 0, snapshots: states }
}

/** Undefined where they are not disclosed. */
async function copyBodies(
  copy: Copy,
  log: string,
  dir: string,
  size: number,
): Promise<{ readonly bundles: number; readonly bodiesFrom: number } | undefined> {
  let [bundles, bodiesFrom] = [0, 0]
  for (const resource of resources('bodies', size)) {
    const bodies = `${log}/${pathOf(resource)}`
    try {
      if ((await copy(bodies)) === undefined) return undefined
    } catch (error) {
      if ((error as SetupError).code === 'not-disclosed') return undefined
      if ((error as SetupError).code !== 'dropped') throw error
      if (existsSync(join(dir, bodies))) continue
      bundles += 1
      bodiesFrom = 256 * resource.index + resource.width
    }
  }
  return size === 0 ? undefined : { bundles, bodiesFrom }
}

/** Of those that were copied before, the first is kept while the bodies behind it are here: most can be replayed from it. */
async function copyStates(
  api: NodeApi,
  copy: Copy,
  log: string,
  dir: string,
  bodiesFrom: number,
): Promise<readonly number[]> {
  const path = join(dir, log, 'kept')
  const folder = join(dir, log, 'snapshot')
  if (bodiesFrom === 0) {
    for (const needless of [path, folder]) rmSync(needless, { recursive: true, force: true })
    return []
  }
  const usable = (size: number): boolean => size - (size % 256) >= bodiesFrom
  const before = existsSync(path) ? parseKept(readFileSync(path, 'utf8')) : undefined
  const states = new Set(before?.snapshots.filter(usable).slice(0, 1))
  const served = await api.bytes(`${log}/kept`)
  const offered = (served && parseKept(Buffer.from(served).toString())) ?? EVERYTHING
  for (const size of offered.snapshots.filter(usable)) {
    if (await copyState(copy, `${log}/snapshot/${size}`)) states.add(size)
  }
  const kept: Kept = { bodiesFrom, snapshots: [...states].sort((a, b) => a - b) }
  write(path, Buffer.from(formatKept(kept)))
  forgetStates(folder, states)
  return kept.snapshots
}

/** A node may drop a state while it is being copied. */
async function copyState(copy: Copy, path: string): Promise<boolean> {
  const manifest = await copy(`${path}/manifest`)
  const chunks = manifest && parseManifest(manifest)?.chunks
  if (chunks === undefined) return false
  for (let number = 0; number < chunks.length; number++) {
    if ((await copy(`${path}/${number}`)) === undefined) return false
  }
  return true
}

function forgetStates(folder: string, kept: ReadonlySet<number>): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!kept.has(Number(name))) rmSync(join(folder, name), { recursive: true })
  }
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
