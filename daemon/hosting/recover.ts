import { readU64 } from '../../storage/bytes.ts'
import { authorityKey } from '../../storage/keys.ts'
import { DamagedLogError, LogReader, tileReader } from '../../storage/log/log-store.ts'
import { leafHashes } from '../../storage/log/record.ts'
import { MerkleLog, tileWidth } from '../../storage/log/tree.ts'
import { StateTree } from '../../storage/state/state-tree.ts'
import type { Store } from '../../storage/store.ts'
import type { AreaCharter } from '../../world/charter.ts'
import { createWorld, restoreWorld, type StateEntry, type WorldHost } from '../../world/world.ts'
import type { AuthorityIdentity } from '../authority/authority.ts'
import { Replica } from '../authority/replica.ts'
import { treeEntry, worldEntry } from '../authority/state-entry.ts'
import { loadSnapshot, type StoredSnapshot } from './snapshots.ts'

export interface RecoveredAuthority {
  readonly replica: Replica
  /** The last Raft index that the replica has applied; 0 for a new one. */
  readonly appliedIndex: number
  readonly snapshot: StoredSnapshot | undefined
}

/**
 * An authority's replica as the store has it: the newest snapshot, then every record after it applied once more through
 * the rules. That checks the disk too: a changed bit shows as another root at the next seal.
 * @throws DamagedLogError, DivergenceError, SnapshotError
 */
export async function recoverAuthority(
  store: Store,
  identity: AuthorityIdentity,
  charter: AreaCharter,
  host: WorldHost,
): Promise<RecoveredAuthority> {
  const { group, origin, charterBody } = identity
  const snapshot = await loadSnapshot(store, group)
  const tree = new StateTree()
  for (const entry of snapshot?.entries ?? []) tree.set(entry.key, entry.value)
  const world =
    snapshot === undefined
      ? createWorld(host, charter)
      : restoreWorld(host, charter, stateOf(snapshot, group))
  world.takeDirty() // a restored state is in the tree already; a new one is put there below
  if (snapshot === undefined) fill(tree, world.entries())
  const log = await logUpTo(store, group, snapshot?.size ?? 0)
  const replica = new Replica({
    origin,
    group,
    charterBody,
    world,
    log,
    tree,
    lastSeal: snapshot?.lastSeal,
    pendingMark: snapshot?.mark,
    actions: snapshot?.actions ?? 0,
  })
  for await (const batch of new LogReader(store, group).batches(log.size)) {
    if (batch.firstLeaf < log.size) continue
    log.tilesWritten(replica.applyRecords(batch.records, []).tiles)
  }
  const applied = await store.get(authorityKey(group, 'applied'))
  const appliedIndex = applied === undefined ? 0 : readU64(applied, 0)
  const size = applied === undefined ? 0 : readU64(applied, 8)
  if (size !== log.size) throw new DamagedLogError(group, Math.min(size, log.size), 'its end is missing')
  return { replica, appliedIndex, snapshot }
}

function fill(tree: StateTree, entries: Iterable<StateEntry>): void {
  for (const { key, value } of entries) {
    const entry = treeEntry(key, value)
    tree.set(entry.key, entry.value)
  }
}

function* stateOf(snapshot: StoredSnapshot, group: number): Generator<StateEntry> {
  for (const entry of snapshot.entries) {
    const state = worldEntry(entry)
    if (state === undefined)
      throw new DamagedLogError(group, snapshot.size, 'the snapshot has a foreign entry')
    yield state
  }
}

/** The merkle log of the first `size` leaves, from the stored tiles and the records behind the last full one. */
async function logUpTo(store: Store, group: number, size: number): Promise<MerkleLog> {
  const tiled = Math.floor(size / tileWidth) * tileWidth
  const log = await MerkleLog.fromTiles(tileReader(store, group), tiled)
  for await (const { record } of new LogReader(store, group).records(tiled, size))
    log.append(leafHashes([record]))
  if (log.size !== size) throw new DamagedLogError(group, log.size, 'records before the snapshot are missing')
  return log
}
