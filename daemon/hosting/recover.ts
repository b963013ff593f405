import type { RecoveredGroup } from '../../consensus/groups/raft-disk.ts'
import { DamagedLogError, LogReader, tileReader } from '../../storage/log/log-store.ts'
import { leafDataHashes } from '../../storage/log/record.ts'
import { MerkleLog, tileWidth } from '../../storage/log/tree.ts'
import { hidingKey, treeEntry, worldEntry } from '../../storage/state/entry.ts'
import { StateTree } from '../../storage/state/state-tree.ts'
import type { Store } from '../../storage/store.ts'
import type { StateEntry } from '../../world/interface.ts'
import { type Charter, createRules, type RulesHost, restoreRules } from '../../world/kinds.ts'
import { Ahead } from '../authority/ahead.ts'
import { type AppliedPoint, appliedKey, decodeApplied, nothingApplied } from '../authority/applied.ts'
import { Replica } from '../authority/replica.ts'
import type { AuthorityIdentity } from '../authority/types.ts'
import { type KeptSnapshot, keptSnapshots, loadSnapshot, type StoredSnapshot } from './snapshots.ts'

export interface RecoveredAuthority {
  readonly replica: Replica
  /** Has held the same records against this node's clock. */
  readonly ahead: Ahead
  readonly applied: AppliedPoint
  /** Oldest first. */
  readonly kept: readonly KeptSnapshot[]
  /** Of the records after the newest snapshot. */
  readonly bytesSince: number
}

/** What a node knows when it reads a log back. */
export interface KnownAtStart {
  readonly wallMs: number
  /** Leaves that the members have decided; of the others all faults are to be found again. */
  readonly decidedSize: number
}

/**
 * An authority's replica as the store has it: the newest snapshot of what is decided, then every record after it applied once
 * more through the rules. That checks the disk too: a changed bit shows as another root at the next seal.
 * @param identity as the authority was founded
 * @throws DamagedLogError, DivergenceError, SnapshotError
 */
export async function recoverAuthority(
  store: Store,
  identity: AuthorityIdentity,
  charter: Charter,
  host: RulesHost,
  { wallMs, decidedSize }: KnownAtStart,
): Promise<RecoveredAuthority> {
  const { group, origin, isHidden, charterBody, epoch, members } = identity
  const kept = await keptSnapshots(store, group)
  const beginSize = await beginningOf(store, group, kept, decidedSize)
  const snapshot = beginSize === 0 ? undefined : await loadSnapshot(store, group, beginSize)
  const tree = new StateTree()
  for (const entry of snapshot?.entries ?? []) tree.set(entry.key, entry.value)
  const rules =
    snapshot === undefined
      ? createRules(host, charter)
      : restoreRules(host, charter, stateOf(snapshot, group))
  rules.takeDirty() // a restored state is in the tree already; a new one is put there below
  if (snapshot === undefined) fill(tree, rules.entries())
  const log = await logUpTo(store, group, snapshot?.size ?? 0)
  const replica = new Replica({
    origin,
    group,
    isHidden,
    charterBody,
    rules,
    log,
    tree,
    regime: {
      epoch: snapshot?.epoch ?? epoch,
      members: snapshot?.lastSeal?.seal.nextMembers ?? members,
    },
    lastSeal: snapshot?.lastSeal,
    pendingMark: snapshot && { ...snapshot.mark, tick: rules.tick },
    replacedMarks: snapshot?.replacedMarks,
    actions: snapshot?.actions ?? 0,
  })
  const ahead = new Ahead(identity, replica, wallMs)
  let bytesSince = 0
  for await (const batch of new LogReader(store, group).batches(log.size)) {
    if (batch.firstLeaf < log.size) continue
    if (batch.firstLeaf >= (kept.at(-1)?.size ?? 0)) bytesSince += batch.bytes.length
    const entry = replica.applyRecords(batch.records, [])
    log.tilesWritten(entry.tiles)
    for (const fault of ahead.faults(entry)) replica.faults.add(fault)
  }
  const stored = await store.get(appliedKey(group))
  const applied = stored === undefined ? nothingApplied : decodeApplied(stored)
  if (applied?.size !== log.size)
    throw new DamagedLogError(group, Math.min(applied?.size ?? 0, log.size), 'its end is missing')
  return { replica, ahead, applied, kept, bytesSince }
}

/** Leaves in the snapshot to begin at: a newer one may hide what nobody has decided yet. 0: at the beginning of the log. */
async function beginningOf(
  store: Store,
  group: number,
  kept: readonly KeptSnapshot[],
  decidedSize: number,
): Promise<number> {
  const decided = kept.findLast(({ size }) => size <= decidedSize)
  if (decided !== undefined || kept.length === 0) return decided?.size ?? 0
  const { from, gapFrom, gapTo } = await new LogReader(store, group).bodiesHere()
  return from === 0 && gapFrom >= gapTo ? 0 : kept[0]!.size
}

/**
 * Up to which index Raft's own log is known to be what the replica applied. A catch-up that a crash cut short leaves the
 * replica ahead of that log, whose end may even be entries that were never committed: to call these committed would
 * keep the leader from ever replacing them.
 */
export function appliedInRaft(
  recovered: Pick<RecoveredGroup, 'hardState' | 'snapshot' | 'entries'> | undefined,
  applied: AppliedPoint,
): number {
  const { index, term } = applied
  const cutAt = recovered?.snapshot?.index ?? 0
  if (index <= cutAt) return index
  // The same index and term: the same entry, and the same before it (Raft's log matching property).
  if (recovered?.entries[index - cutAt - 1]?.term === term) return index
  return Math.min(index, recovered?.hardState?.commit ?? 0)
}

function fill(tree: StateTree, entries: Iterable<StateEntry>): void {
  for (const { key, value } of entries) {
    const entry = treeEntry(key, value)
    tree.set(entry.key, entry.value)
  }
}

export function* stateOf(snapshot: StoredSnapshot, group: number): Generator<StateEntry> {
  for (const entry of snapshot.entries) {
    const state = worldEntry(entry)
    if (state === undefined)
      throw new DamagedLogError(group, snapshot.size, 'the snapshot has a foreign entry')
    if (state.key.length !== hidingKey.length) yield state
  }
}

/** The merkle log of the first `size` leaves, from the stored tiles and the records behind the last full one. */
export async function logUpTo(store: Store, group: number, size: number): Promise<MerkleLog> {
  const tiled = Math.floor(size / tileWidth) * tileWidth
  const log = await MerkleLog.fromTiles(tileReader(store, group), tiled)
  for await (const { data } of new LogReader(store, group).leaves(tiled, size))
    log.append(leafDataHashes(data))
  if (log.size !== size) throw new DamagedLogError(group, log.size, 'records before the snapshot are missing')
  return log
}
