import { joinBytes, putU16, putU64, readU16, readU64 } from '../../storage/bytes.ts'
import { parseSnapshotKey, snapshotChunkKey, snapshotManifestKey, snapshotRange } from '../../storage/keys.ts'
import { decodeManifest } from '../../storage/snapshot/manifest.ts'
import { readSnapshot, writeSnapshot } from '../../storage/snapshot/snapshot.ts'
import type { StateEntry } from '../../storage/state/state-tree.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { startAnew } from '../../storage/store-error.ts'
import { decodeSeal, encodeSeal } from '../authority/bodies.ts'
import type { AppliedSeal, PendingMark, Replica } from '../authority/replica.ts'

/** The state as it was just after a mark, as the own disk keeps it. */
export interface StoredSnapshot {
  /** Leaves in the log at that point. */
  readonly size: number
  /** The Raft entry that ended with the mark. */
  readonly index: number
  readonly actions: number
  readonly mark: PendingMark
  readonly lastSeal: AppliedSeal | undefined
  /** Of the state tree (daemon/authority/state-entry.ts). */
  readonly entries: readonly StateEntry[]
  readonly chunkCount: number
}

/** A snapshot on the disk can't be read: what followed from it is lost too. */
export class SnapshotError extends Error {
  readonly code = 'damaged-snapshot'
  readonly group: number

  constructor(group: number, why: string) {
    super(`The stored state of group ${group} is damaged (${why}): ${startAnew}.`)
    this.name = 'SnapshotError'
    this.group = group
  }
}

/** Records between snapshots: a start replays at most about twice as many. */
const defaultRecordsBetween = 50_000

/** Decides when a replica's state is kept, writes it, and lets Raft drop the log before the snapshot before. */
export class SnapshotKeeper {
  readonly #group: number
  readonly #write: (ops: readonly StoreOp[]) => void
  readonly #compact: (index: number, meta: Uint8Array) => void
  readonly #recordsBetween: number
  #last: { size: number; index: number; chunkCount: number } | undefined

  constructor(
    group: number,
    last: StoredSnapshot | undefined,
    write: (ops: readonly StoreOp[]) => void,
    compact: (index: number, meta: Uint8Array) => void,
    recordsBetween = defaultRecordsBetween,
  ) {
    this.#group = group
    this.#last = last
    this.#write = write
    this.#compact = compact
    this.#recordsBetween = recordsBetween
  }

  due(replica: Replica): boolean {
    return replica.log.size - (this.#last?.size ?? 0) >= this.#recordsBetween
  }

  /** Called when `entry`, just applied, ended with a mark. */
  take(replica: Replica, entry: { readonly index: number }): void {
    if (!this.due(replica)) return
    const { manifest, chunks } = writeSnapshot(replica.tree, encodeInfo(replica, entry.index))
    const size = replica.log.size
    const ops: StoreOp[] = [{ key: snapshotManifestKey(this.#group, size), value: manifest }]
    chunks.forEach((value, i) => void ops.push({ key: snapshotChunkKey(this.#group, size, i), value }))
    const before = this.#last
    if (before !== undefined) this.#forget(before, ops)
    this.#write(ops)
    this.#last = { size, index: entry.index, chunkCount: chunks.length }
  }

  /** The snapshot before is replaced; Raft's log up to it goes too. What is newer stays for followers that were away. */
  #forget(before: { size: number; index: number; chunkCount: number }, ops: StoreOp[]): void {
    ops.push({ key: snapshotManifestKey(this.#group, before.size), value: undefined })
    for (let i = 0; i < before.chunkCount; i++) {
      ops.push({ key: snapshotChunkKey(this.#group, before.size, i), value: undefined })
    }
    const meta = new Uint8Array(8)
    putU64(meta, 0, before.size)
    this.#compact(before.index, meta)
  }
}

/** index u64 ‖ size u64 ‖ actions u64 ‖ mark height u64 ‖ seal length u16 ‖ seal (‖ size u64 ‖ root 32 ‖ checkpoint hash 32). */
function encodeInfo(replica: Replica, index: number): Uint8Array {
  const mark = replica.pendingMark!
  const head = new Uint8Array(34)
  putU64(head, 0, index)
  putU64(head, 8, mark.size)
  putU64(head, 16, replica.actions)
  putU64(head, 24, mark.height)
  const { lastSeal } = replica
  if (lastSeal === undefined) return head
  const seal = encodeSeal(lastSeal.seal)
  putU16(head, 32, seal.length)
  const size = new Uint8Array(8)
  putU64(size, 0, lastSeal.size)
  return joinBytes([head, seal, size, lastSeal.root, lastSeal.checkpointHash])
}

/** The newest snapshot of a group, verified against its own root. @throws SnapshotError */
export async function loadSnapshot(store: Store, group: number): Promise<StoredSnapshot | undefined> {
  let size: number | undefined
  for await (const { key } of store.range({ ...snapshotRange(group), reverse: true, limit: 1 })) {
    size = parseSnapshotKey(key)?.leaf
  }
  if (size === undefined) return undefined
  const manifestBytes = await store.get(snapshotManifestKey(group, size))
  const manifest = manifestBytes && decodeManifest(manifestBytes)
  if (!manifestBytes || !manifest) throw new SnapshotError(group, 'its manifest is unreadable')
  const keys = manifest.chunks.map((_, i) => snapshotChunkKey(group, size, i))
  const chunks = (await store.getMany(keys)).filter(chunk => chunk !== undefined)
  const read = readSnapshot({ manifest: manifestBytes, chunks }, manifest.stateRoot)
  if (!read.ok) throw new SnapshotError(group, read.code)
  const info = decodeInfo(read.sealInfo, manifest.stateRoot)
  if (info === undefined || info.size !== size)
    throw new SnapshotError(group, 'its description is unreadable')
  return { ...info, entries: read.entries, chunkCount: chunks.length }
}

function decodeInfo(
  bytes: Uint8Array,
  stateRoot: Uint8Array,
): Omit<StoredSnapshot, 'entries' | 'chunkCount'> | undefined {
  if (bytes.length < 34) return undefined
  const sealLength = readU16(bytes, 32)
  const size = readU64(bytes, 8)
  const info = {
    index: readU64(bytes, 0),
    size,
    actions: readU64(bytes, 16),
    mark: { height: readU64(bytes, 24), size, stateRoot },
  }
  if (sealLength === 0) return bytes.length === 34 ? { ...info, lastSeal: undefined } : undefined
  const at = 34 + sealLength
  const seal = bytes.length === at + 72 ? decodeSeal(bytes.subarray(34, at)) : undefined
  if (seal === undefined) return undefined
  const lastSeal = {
    seal,
    size: readU64(bytes, at),
    root: bytes.slice(at + 8, at + 40),
    checkpointHash: bytes.slice(at + 40, at + 72),
  }
  return { ...info, lastSeal }
}
