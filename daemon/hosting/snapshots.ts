import {
  copyBytes,
  joinBytes,
  putU16,
  putU32,
  putU64,
  readU16,
  readU32,
  readU64,
} from '../../storage/bytes.ts'
import { parseSnapshotKey, snapshotChunkKey, snapshotManifestKey, snapshotRange } from '../../storage/keys.ts'
import { decodeManifest } from '../../storage/snapshot/manifest.ts'
import { readSnapshot, writeSnapshot } from '../../storage/snapshot/snapshot.ts'
import type { StateEntry } from '../../storage/state/state-tree.ts'
import type { Store, StoreOp, StoreRange } from '../../storage/store.ts'
import { startAnew } from '../../storage/store-error.ts'
import { decodeSeal, encodeSeal } from '../authority/bodies.ts'
import {
  type AppliedSeal,
  maxReplacedMarks,
  type PendingMark,
  type ReplacedMark,
  type Replica,
} from '../authority/replica.ts'

/** The state as it was just after a mark, as the own disk keeps it. */
export interface StoredSnapshot {
  /** Leaves in the log at that point. */
  readonly size: number
  /** The Raft entry that ended with the mark. */
  readonly index: number
  readonly actions: number
  readonly mark: Omit<PendingMark, 'tick'>
  /** As of that mark. */
  readonly replacedMarks: readonly ReplacedMark[]
  /** In which the mark stands. */
  readonly epoch: number
  readonly lastSeal: AppliedSeal | undefined
  /** Of the state tree (storage/state/entry.ts). */
  readonly entries: readonly StateEntry[]
}

export type SnapshotInfo = Omit<StoredSnapshot, 'entries'>

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
/** Raft keeps its log since the snapshot before the newest in memory: so many bytes of it, twice. */
const maxBytesBetween = 16 * 1024 * 1024

/** A snapshot that is on the disk. */
export interface KeptSnapshot {
  readonly size: number
  readonly index: number
  readonly chunkCount: number
}

export interface SnapshotKeeperParts {
  readonly group: number
  /** Oldest first. */
  readonly kept: readonly KeptSnapshot[]
  /** Of the entries that were applied since the newest snapshot. */
  readonly bytesSince: number
  readonly write: (ops: readonly StoreOp[]) => void
  readonly compact: (index: number, meta: Uint8Array) => void
  readonly recordsBetween?: number | undefined
  /** Leaves that the members have decided, as far as this node knows. Default: whatever is committed stays. */
  readonly decidedSize?: () => number
}

/**
 * Decides when a replica's state is kept, writes it, and lets Raft drop its log up to the snapshot before. That one stays
 * too, since it is what a follower is offered that needs what was dropped.
 */
export class SnapshotKeeper {
  readonly #parts: SnapshotKeeperParts
  readonly #recordsBetween: number
  readonly #kept: KeptSnapshot[]
  #bytesSince: number

  constructor(parts: SnapshotKeeperParts) {
    this.#parts = parts
    this.#recordsBetween = parts.recordsBetween ?? defaultRecordsBetween
    this.#kept = [...parts.kept]
    this.#bytesSince = parts.bytesSince
  }

  /** Oldest first. */
  get kept(): readonly KeptSnapshot[] {
    return this.#kept
  }

  /** Leaves in the log at the oldest snapshot that is kept; 0 when there is none. */
  get oldestSize(): number {
    return this.#kept[0]?.size ?? 0
  }

  /**
   * Whether the state is to be kept at the next mark, once the log has `size` leaves and the entry at `index`: the same on
   * all replicas, so that a follower finds one snapshot at all of them.
   * @param moreBytes of entries that were not told by `applied`
   */
  due(size: number, index: number, moreBytes = 0): boolean {
    const last = this.#kept.at(-1)
    return (
      size - (last?.size ?? 0) >= this.#recordsBetween ||
      index - (last?.index ?? 0) >= this.#recordsBetween ||
      this.#bytesSince + moreBytes >= maxBytesBetween
    )
  }

  applied(sizeBytes: number): void {
    this.#bytesSince += sizeBytes
  }

  /** Called when `entry`, just applied, ended with a mark. */
  take(replica: Replica, entry: { readonly index: number }): void {
    const { group, write } = this.#parts
    const size = replica.log.size
    if (!this.due(size, entry.index)) return
    const { manifest, chunks } = writeSnapshot(replica.tree, encodeInfo(replica, entry.index))
    const ops: StoreOp[] = [{ key: snapshotManifestKey(group, size), value: manifest }]
    chunks.forEach((value, i) => void ops.push({ key: snapshotChunkKey(group, size, i), value }))
    this.#kept.push({ size, index: entry.index, chunkCount: chunks.length })
    this.#bytesSince = 0
    this.#forget(ops)
    write(ops)
  }

  /** Two are kept. Raft's log up to the older one goes; what is newer stays for followers that were away. */
  #forget(ops: StoreOp[]): void {
    const { group, compact } = this.#parts
    // A change of views may take the replica back behind what is not decided, and no further.
    const decided = this.#parts.decidedSize?.() ?? Number.POSITIVE_INFINITY
    while (this.#kept.length > 2 && this.#kept[1]!.size <= decided) {
      const { size, chunkCount } = this.#kept.shift()!
      ops.push({ key: snapshotManifestKey(group, size), value: undefined })
      for (let i = 0; i < chunkCount; i++)
        ops.push({ key: snapshotChunkKey(group, size, i), value: undefined })
    }
    const before = this.#kept.at(-2)
    if (this.#kept.length < 2 || before === undefined) return
    const meta = new Uint8Array(8)
    putU64(meta, 0, before.size)
    compact(before.index, meta)
  }
}

const headBytes = 38
const markBytes = 40
/** Beside the seal itself. */
const sealPlaceBytes = 72

/**
 * index u64 ‖ size u64 ‖ actions u64 ‖ mark height u64 ‖ epoch u32 ‖ seal length u16
 * (‖ size u64 ‖ state root 32) × replaced marks (‖ seal ‖ size u64 ‖ root 32 ‖ checkpoint hash 32).
 */
function encodeInfo(replica: Replica, index: number): Uint8Array {
  const mark = replica.pendingMark!
  const head = new Uint8Array(headBytes)
  putU64(head, 0, index)
  putU64(head, 8, mark.size)
  putU64(head, 16, replica.actions)
  putU64(head, 24, mark.height)
  putU32(head, 32, replica.regime.epoch)
  const { lastSeal, replacedMarks } = replica
  const marks = replacedMarks.flatMap(({ size, stateRoot }) => [u64(size), stateRoot])
  if (lastSeal === undefined) return joinBytes([head, ...marks])
  const seal = encodeSeal(lastSeal.seal)
  putU16(head, 36, seal.length)
  return joinBytes([head, ...marks, seal, u64(lastSeal.size), lastSeal.root, lastSeal.checkpointHash])
}

function u64(number: number): Uint8Array {
  const bytes = new Uint8Array(8)
  putU64(bytes, 0, number)
  return bytes
}

/** The snapshots that a disk has of a group, oldest first. @throws SnapshotError */
export async function keptSnapshots(store: Store, group: number): Promise<KeptSnapshot[]> {
  const kept: KeptSnapshot[] = []
  let below = snapshotRange(group)
  for (;;) {
    const size = await newestSize(store, group, below)
    if (size === undefined) return kept
    const { manifest } = await readManifest(store, group, size)
    const info = decodeInfo(manifest.sealInfo, manifest.stateRoot)
    if (info?.size !== size) throw new SnapshotError(group, 'its description is unreadable')
    kept.unshift({ size, index: info.index, chunkCount: manifest.chunks.length })
    below = { ...below, to: snapshotRange(group, size).from }
  }
}

/** Chunks without a manifest are of one that is still being fetched. */
async function newestSize(store: Store, group: number, range: StoreRange): Promise<number | undefined> {
  for (let { to } = range; ; ) {
    let size: number | undefined
    for await (const { key } of store.range({ from: range.from, to, reverse: true, limit: 1 }))
      size = parseSnapshotKey(key)?.leaf
    if (size === undefined || (await store.get(snapshotManifestKey(group, size))) !== undefined) return size
    to = snapshotRange(group, size).from
  }
}

async function readManifest(store: Store, group: number, size: number) {
  const bytes = await store.get(snapshotManifestKey(group, size))
  const manifest = bytes && decodeManifest(bytes)
  if (!bytes || !manifest) throw new SnapshotError(group, 'its manifest is unreadable')
  return { bytes, manifest }
}

/** One of a group, verified against its own root. @throws SnapshotError */
export async function loadSnapshot(store: Store, group: number, size: number): Promise<StoredSnapshot> {
  const { bytes, manifest } = await readManifest(store, group, size)
  const keys = manifest.chunks.map((_, i) => snapshotChunkKey(group, size, i))
  const chunks = (await store.getMany(keys)).filter(chunk => chunk !== undefined)
  const read = readSnapshot({ manifest: bytes, chunks }, manifest.stateRoot)
  if (!read.ok) throw new SnapshotError(group, read.code)
  const info = decodeInfo(read.sealInfo, manifest.stateRoot)
  if (info === undefined || info.size !== size)
    throw new SnapshotError(group, 'its description is unreadable')
  return { ...info, entries: read.entries }
}

/** What a manifest says beside the state; undefined when it is none of ours. */
export function decodeInfo(bytes: Uint8Array, stateRoot: Uint8Array): SnapshotInfo | undefined {
  if (bytes.length < headBytes) return undefined
  const sealLength = readU16(bytes, 36)
  const size = readU64(bytes, 8)
  const info = {
    index: readU64(bytes, 0),
    size,
    actions: readU64(bytes, 16),
    mark: { height: readU64(bytes, 24), size, stateRoot },
    epoch: readU32(bytes, 32),
  }
  if (![info.index, size, info.actions, info.mark.height].every(Number.isSafeInteger)) return undefined
  const sealAt = bytes.length - (sealLength === 0 ? 0 : sealLength + sealPlaceBytes)
  const replacedMarks = readMarks(bytes, sealAt, size)
  if (replacedMarks === undefined) return undefined
  if (sealLength === 0) return { ...info, replacedMarks, lastSeal: undefined }
  const at = sealAt + sealLength
  const seal = decodeSeal(bytes.subarray(sealAt, at))
  if (seal === undefined || info.epoch < seal.epoch || info.epoch > seal.epoch + 1) return undefined
  const lastSeal = {
    seal,
    size: readU64(bytes, at),
    root: bytes.slice(at + 8, at + 40),
    checkpointHash: bytes.slice(at + 40, at + 72),
    endsEpoch: info.epoch > seal.epoch,
  }
  const [first] = replacedMarks
  if (first !== undefined && first.size <= lastSeal.size) return undefined
  return { ...info, replacedMarks, lastSeal }
}

function readMarks(bytes: Uint8Array, to: number, below: number): ReplacedMark[] | undefined {
  if (to < headBytes || (to - headBytes) % markBytes !== 0) return undefined
  const marks: ReplacedMark[] = []
  for (let at = headBytes; at < to; at += markBytes)
    marks.push({ size: readU64(bytes, at), stateRoot: copyBytes(bytes, at + 8, at + markBytes) })
  const sizes = [0, ...marks.map(({ size }) => size), below]
  const rises = sizes.every((size, i) => i === 0 || size > sizes[i - 1]!)
  return rises && marks.length <= maxReplacedMarks ? marks : undefined
}
