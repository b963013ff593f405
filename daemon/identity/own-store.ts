import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import type { RaftInstance } from '../../storage/keys.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { openLevelStore } from '../../storage/store-level.ts'
import { badConfiguration } from '../config/setup-error.ts'
import type { dataDirFiles } from './data-dir.ts'
import { writeFileDurably } from './durable-file.ts'
import {
  type Incarnation,
  incarnationOp,
  incarnationText,
  lostStoreOps,
  parseIncarnation,
  readIncarnation,
  standingOf,
} from './incarnation.ts'

export interface OwnStore {
  readonly store: Store
  readonly incarnation: Incarnation
  /** It took the place of a lost one, in this start. */
  readonly isNew: boolean
  /** Where the store is that was there before. */
  readonly setAside: string | undefined
}

export interface OwnStoreOptions {
  readonly files: ReturnType<typeof dataDirFiles>
  /** These keys have had a store before. */
  readonly hasRun: boolean
  /** By a person's word: the store that is there must not be used. */
  readonly wipe: boolean
  /** What this node may have taken part in. */
  readonly instances: readonly RaftInstance[]
  /** A number that no other store has, below 2⁴⁸. */
  readonly birth: number
}

/** Opens the node's store. Where it is not the one by which these keys have promised, a new one takes its place. */
export async function openOwnStore(options: OwnStoreOptions): Promise<OwnStore> {
  const { files, hasRun, wipe, birth } = options
  const kept = readKept(files.incarnation)
  const isThere = existsSync(files.store) && readdirSync(files.store).length > 0
  if (wipe || (hasRun && !isThere)) return await replaceStore(options, kept?.incarnation ?? 1)
  const store = await openLevelStore(files.store)
  try {
    const stored = await readIncarnation(store, files.store)
    const standing = standingOf(kept, stored)
    if (standing.kind === 'lost') {
      await store.close()
      return await replaceStore(options, Math.max(standing.highest, stored?.incarnation ?? 0))
    }
    const incarnation = standing.kind === 'own' ? standing.incarnation : { incarnation: 1, birth }
    // The store first: a start that ends in between has promised nothing, and must not seem to have lost anything.
    if (standing.kind === 'first') await write(store, [incarnationOp(incarnation)])
    if (kept?.birth !== incarnation.birth) writeFileDurably(files.incarnation, incarnationText(incarnation))
    return { store, incarnation, isNew: false, setAside: undefined }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The incarnation is raised first: from there on the old store is never taken for this node's again. */
async function replaceStore(
  { files, instances, birth }: OwnStoreOptions,
  highest: number,
): Promise<OwnStore> {
  const incarnation = { incarnation: highest + 1, birth }
  writeFileDurably(files.incarnation, incarnationText(incarnation))
  const setAside = moveAside(files.store)
  const store = await openLevelStore(files.store)
  await write(store, lostStoreOps(incarnation, instances))
  return { store, incarnation, isNew: true, setAside }
}

function moveAside(path: string): string | undefined {
  if (!existsSync(path)) return undefined
  for (let number = 1; ; number++) {
    const aside = `${path}.lost-${number}`
    if (existsSync(aside)) continue
    renameSync(path, aside)
    return aside
  }
}

function readKept(path: string): Incarnation | undefined {
  if (!existsSync(path)) return undefined
  const kept = parseIncarnation(readFileSync(path, 'utf8'))
  if (kept !== undefined) return kept
  throw badConfiguration(
    'bad-incarnation',
    `${path} is damaged: delete it and run freehold start --wipe-store, which fetches everything anew from the other nodes.`,
  )
}

function write(store: Store, ops: readonly StoreOp[]): Promise<void> {
  return new Promise((resolve, reject) => {
    store.write(ops, { sync: true }, error => (error === undefined ? resolve() : reject(error)))
  })
}
