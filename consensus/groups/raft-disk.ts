import { crc32 } from 'node:zlib'
import { putU32, putU64, readU32, readU64 } from '../../storage/bytes.ts'
import {
  parseRaftKey,
  type RaftInstance,
  raftEntryKey,
  raftHardStateKey,
  raftInstanceRange,
  raftRejoinKey,
  raftSnapshotKey,
} from '../../storage/keys.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { startAnew } from '../../storage/store-error.ts'
import {
  type Entry,
  type EntryType,
  type HardState,
  MessageType,
  NONE,
  newMessage,
  type Snapshot,
} from '../raft/types.ts'
import { decodeMessage, encodeMessage } from '../raft/wire.ts'

/**
 * Values under R: a CRC-32 of what follows, seeded with the low half of the entry's index (0 elsewhere), then
 * entry: u64 term, u8 type, payload; hard state: u64 term, u64 vote, u64 commit; snapshot: the Snap message
 * of raft.proto that a follower would be sent; rejoin: u64 term, u64 index.
 * The sum is ours because LevelDB does not check its own when it reads.
 */
const SUM_BYTES = 4
const ENTRY_HEADER_BYTES = SUM_BYTES + 9
const HARD_STATE_BYTES = SUM_BYTES + 24
const REJOIN_BYTES = SUM_BYTES + 16

/** What a replica that lost its disk must hold before it votes: an entry of a later term, or all up to `index`. */
export interface RejoinPoint {
  readonly term: number
  readonly index: number
}

/** Nothing is known yet, and nothing else was written. */
const NOWHERE: RejoinPoint = { term: 0, index: 0 }

/** What a disk holds of one Raft instance. */
export interface RecoveredGroup {
  readonly hardState: HardState | undefined
  readonly snapshot: Snapshot | undefined
  /** In a row from the snapshot on. */
  readonly entries: readonly Entry[]
  /** Index of the oldest entry that the snapshot covers and that is still there; 0 for none. */
  readonly oldestCovered: number
  /** Its disk was lost in an earlier life, and it may not vote yet. */
  readonly rejoin?: RejoinPoint
}

/** The Raft records on the disk contradict themselves. */
export class RaftDiskError extends Error {
  readonly code = 'corrupt'
  readonly instance: RaftInstance

  constructor(instance: RaftInstance, what: string) {
    const { group, epoch, view } = instance
    super(`The Raft log of group ${group} (epoch ${epoch}, view ${view}) is damaged (${what}): ${startAnew}.`)
    this.name = 'RaftDiskError'
    this.instance = instance
  }
}

export function entryOp(instance: RaftInstance, entry: Entry): StoreOp {
  const value = Buffer.allocUnsafe(ENTRY_HEADER_BYTES + entry.data.length)
  putU64(value, SUM_BYTES, entry.term)
  value[SUM_BYTES + 8] = entry.type
  value.set(entry.data, ENTRY_HEADER_BYTES)
  seal(value, entry.index)
  return { key: raftEntryKey(instance, entry.index), value }
}

export function removeEntryOp(instance: RaftInstance, index: number): StoreOp {
  return { key: raftEntryKey(instance, index), value: undefined }
}

export function hardStateOp(instance: RaftInstance, hardState: HardState): StoreOp {
  const value = Buffer.allocUnsafe(HARD_STATE_BYTES)
  putU64(value, SUM_BYTES, hardState.term)
  putU64(value, SUM_BYTES + 8, hardState.vote)
  putU64(value, SUM_BYTES + 16, hardState.commit)
  seal(value, 0)
  return { key: raftHardStateKey(instance), value }
}

export function snapshotOp(instance: RaftInstance, snapshot: Snapshot): StoreOp {
  const message = newMessage(MessageType.Snap, NONE)
  message.snapshot = snapshot
  const body = encodeMessage(message)
  const value = new Uint8Array(SUM_BYTES + body.length)
  value.set(body, SUM_BYTES)
  seal(value, 0)
  return { key: raftSnapshotKey(instance), value }
}

/**
 * What a new disk begins with that is not this node's first: for each instance that the node may have taken part in, it
 * may take part again only by way of rejoin.ts. Beside `forgottenPromisesOp`, in one synced batch.
 */
export function lostDiskOps(instances: readonly RaftInstance[]): StoreOp[] {
  return instances.map(instance => rejoinOp(instance, NOWHERE))
}

export function rejoinOp(instance: RaftInstance, point: RejoinPoint): StoreOp {
  const value = Buffer.allocUnsafe(REJOIN_BYTES)
  putU64(value, SUM_BYTES, point.term)
  putU64(value, SUM_BYTES + 8, point.index)
  seal(value, 0)
  return { key: raftRejoinKey(instance), value }
}

export function rejoinedOp(instance: RaftInstance): StoreOp {
  return { key: raftRejoinKey(instance), value: undefined }
}

/** Reads back what the ops above wrote. Undefined when the store knows nothing of this instance. */
export async function recoverGroup(
  store: Store,
  instance: RaftInstance,
): Promise<RecoveredGroup | undefined> {
  let hardState: HardState | undefined
  let snapshot: Snapshot | undefined
  let rejoin: RejoinPoint | undefined
  const stored: Entry[] = []
  for await (const { key, value } of store.range(raftInstanceRange(instance))) {
    const parsed = parseRaftKey(key)
    if (parsed === undefined) throw new RaftDiskError(instance, 'there is a key that is none of ours')
    checkSum(instance, parsed.part, value, parsed.index)
    if (parsed.part === 'hardState') hardState = readHardState(instance, value)
    else if (parsed.part === 'snapshot') snapshot = readSnapshot(instance, value)
    else if (parsed.part === 'rejoin') rejoin = readRejoin(instance, value)
    else stored.push(readEntry(instance, parsed.index, value))
  }
  const isEmpty = hardState === undefined && snapshot === undefined && stored.length === 0
  if (isEmpty) return rejoin && { hardState, snapshot, entries: [], oldestCovered: 0, rejoin }
  const base = snapshot?.index ?? 0
  const entries = stored.filter(entry => entry.index > base)
  checkLog(instance, hardState, snapshot, entries)
  const [oldest] = stored
  const oldestCovered = oldest !== undefined && oldest.index <= base ? oldest.index : 0
  return { hardState, snapshot, entries, oldestCovered, ...(rejoin && { rejoin }) }
}

function checkLog(
  instance: RaftInstance,
  hardState: HardState | undefined,
  snapshot: Snapshot | undefined,
  entries: readonly Entry[],
): void {
  let last = snapshot?.index ?? 0
  let term = snapshot?.term ?? 0
  for (const entry of entries) {
    if (entry.index !== last + 1) throw new RaftDiskError(instance, `entry ${last + 1} is missing`)
    if (entry.term < term) throw new RaftDiskError(instance, `the term goes back at entry ${entry.index}`)
    last = entry.index
    term = entry.term
  }
  if (hardState === undefined) throw new RaftDiskError(instance, 'the hard state is missing')
  if (hardState.term < term) throw new RaftDiskError(instance, 'the hard state is older than the log')
  if (hardState.commit > last)
    throw new RaftDiskError(instance, `entry ${last + 1}, once committed, is missing`)
}

export function readEntry(instance: RaftInstance, index: number, value: Uint8Array): Entry {
  if (value.length < ENTRY_HEADER_BYTES) throw new RaftDiskError(instance, `entry ${index} is cut short`)
  const type = value[SUM_BYTES + 8] as EntryType
  return { term: readU64(value, SUM_BYTES), index, type, data: value.subarray(ENTRY_HEADER_BYTES) }
}

export function readHardState(instance: RaftInstance, value: Uint8Array): HardState {
  if (value.length !== HARD_STATE_BYTES) throw new RaftDiskError(instance, 'the hard state is cut short')
  return {
    term: readU64(value, SUM_BYTES),
    vote: readU64(value, SUM_BYTES + 8),
    commit: readU64(value, SUM_BYTES + 16),
  }
}

function readRejoin(instance: RaftInstance, value: Uint8Array): RejoinPoint {
  if (value.length !== REJOIN_BYTES) throw new RaftDiskError(instance, 'what it waits for is cut short')
  return { term: readU64(value, SUM_BYTES), index: readU64(value, SUM_BYTES + 8) }
}

export function readSnapshot(instance: RaftInstance, value: Uint8Array): Snapshot {
  const message = decodeMessage(value.subarray(SUM_BYTES))
  if ('ok' in message || message.snapshot === undefined) {
    throw new RaftDiskError(instance, 'the description of its snapshot is unreadable')
  }
  return message.snapshot
}

function seal(value: Uint8Array, index: number): void {
  putU32(value, 0, crc32(value.subarray(SUM_BYTES), index >>> 0))
}

function checkSum(instance: RaftInstance, part: string, value: Uint8Array, index: number): void {
  if (value.length >= SUM_BYTES && readU32(value, 0) === crc32(value.subarray(SUM_BYTES), index >>> 0)) return
  throw new RaftDiskError(instance, `a checksum is wrong (${part}${index > 0 ? ` ${index}` : ''})`)
}
