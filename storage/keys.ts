/**
 * Every key of a node's store, in one place. A key begins with one letter that says what it belongs to:
 * R raft, L merkle log, S state snapshots, A authority meta, N node meta. Integers are big-endian, so that
 * the byte order of keys is the order of their numbers.
 */
import { copyBytes, putU32, putU64, readU32, readU64 } from './bytes.ts'
import type { StoreRange } from './store.ts'

/** One Raft instance of one authority's group: a new epoch or view starts a fresh log. */
export interface RaftInstance {
  readonly group: number
  readonly epoch: number
  readonly view: number
}

const letters = { raft: 0x52, log: 0x4c, state: 0x53, authority: 0x41, node: 0x4e } as const
const part = {
  entry: 0x65,
  hardState: 0x68,
  snapshot: 0x73,
  batch: 0x62,
  tile: 0x74,
  manifest: 0x6d,
  chunk: 0x63,
  rejoin: 0x72,
  leaves: 0x6c,
  bodies: 0x6f,
  certificate: 0x66,
} as const

const instanceBytes = 13
const pastLastU64 = 2 ** 53

function groupKey(letter: number, group: number, length: number): Uint8Array {
  const key = new Uint8Array(length)
  key[0] = letter
  putU32(key, 1, group)
  return key
}

/** The first key past every key that begins with `start`. */
function past(start: Uint8Array): Uint8Array {
  const end = copyBytes(start)
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i] !== 0xff) {
      end[i]! += 1
      return end.subarray(0, i + 1)
    }
  }
  throw new RangeError('No key is past a prefix of only 0xff bytes.')
}

/** All keys that begin with `start`. */
export function prefixRange(start: Uint8Array): StoreRange {
  return { from: start, to: past(start) }
}

function instanceKey(instance: RaftInstance, kind: number, extra: number): Uint8Array {
  const key = groupKey(letters.raft, instance.group, instanceBytes + 1 + extra)
  putU32(key, 5, instance.epoch)
  putU32(key, 9, instance.view)
  key[instanceBytes] = kind
  return key
}

export function raftEntryKey(instance: RaftInstance, index: number): Uint8Array {
  const key = instanceKey(instance, part.entry, 8)
  putU64(key, instanceBytes + 1, index)
  return key
}

/** {term, vote, commit} of one instance. */
export function raftHardStateKey(instance: RaftInstance): Uint8Array {
  return instanceKey(instance, part.hardState, 0)
}

/** Where the log was cut: {index, term, configuration} and the meta of the snapshot there. */
export function raftSnapshotKey(instance: RaftInstance): Uint8Array {
  return instanceKey(instance, part.snapshot, 0)
}

/** What a replica whose disk was lost still has to learn before it may vote. */
export function raftRejoinKey(instance: RaftInstance): Uint8Array {
  return instanceKey(instance, part.rejoin, 0)
}

/** Entries with `from ≤ index < to`. */
export function raftEntryRange(instance: RaftInstance, from = 0, to = pastLastU64): StoreRange {
  return { from: raftEntryKey(instance, from), to: raftEntryKey(instance, to) }
}

/** Everything that Raft keeps of one instance. */
export function raftInstanceRange(instance: RaftInstance): StoreRange {
  return prefixRange(instanceKey(instance, 0, 0).subarray(0, instanceBytes))
}

/** Everything that Raft keeps of every instance of a group; of every group when none is given. */
export function raftRange(group?: number): StoreRange {
  if (group === undefined) return prefixRange(Uint8Array.of(letters.raft))
  return prefixRange(groupKey(letters.raft, group, 5))
}

export type RaftKeyPart = 'entry' | 'hardState' | 'snapshot' | 'rejoin'

/** What a key under R says; undefined when it isn't one of ours. `index` is 0 except for entries. */
export function parseRaftKey(
  key: Uint8Array,
): { instance: RaftInstance; part: RaftKeyPart; index: number } | undefined {
  if (key[0] !== letters.raft || key.length < instanceBytes + 1) return undefined
  const instance = { group: readU32(key, 1), epoch: readU32(key, 5), view: readU32(key, 9) }
  const kind = key[instanceBytes]
  if (kind === part.entry && key.length === instanceBytes + 9) {
    const index = readU64(key, instanceBytes + 1)
    return Number.isSafeInteger(index) ? { instance, part: 'entry', index } : undefined
  }
  if (key.length !== instanceBytes + 1) return undefined
  if (kind === part.hardState) return { instance, part: 'hardState', index: 0 }
  if (kind === part.snapshot) return { instance, part: 'snapshot', index: 0 }
  if (kind === part.rejoin) return { instance, part: 'rejoin', index: 0 }
  return undefined
}

/** The batch of records whose first leaf is `firstLeaf`. */
export function logBatchKey(group: number, firstLeaf: number): Uint8Array {
  const key = groupKey(letters.log, group, 14)
  key[5] = part.batch
  putU64(key, 6, firstLeaf)
  return key
}

/** Batches whose first leaf f has `from ≤ f < to`. */
export function logBatchRange(group: number, from = 0, to = pastLastU64): StoreRange {
  return { from: logBatchKey(group, from), to: logBatchKey(group, to) }
}

export function parseLogBatchKey(key: Uint8Array): { group: number; firstLeaf: number } | undefined {
  if (key.length !== 14 || key[0] !== letters.log || key[5] !== part.batch) return undefined
  const firstLeaf = readU64(key, 6)
  return Number.isSafeInteger(firstLeaf) ? { group: readU32(key, 1), firstLeaf } : undefined
}

/** A full tile: 256 hashes. */
export function logTileKey(group: number, level: number, tile: number): Uint8Array {
  const key = groupKey(letters.log, group, 15)
  key[5] = part.tile
  key[6] = level
  putU64(key, 7, tile)
  return key
}

/** Full tiles of one level with `from ≤ tile < to`. */
export function logTileRange(group: number, level: number, from = 0, to = pastLastU64): StoreRange {
  return { from: logTileKey(group, level, from), to: logTileKey(group, level, to) }
}

export function parseLogTileKey(key: Uint8Array): { group: number; level: number; tile: number } | undefined {
  if (key.length !== 15 || key[0] !== letters.log || key[5] !== part.tile) return undefined
  const tile = readU64(key, 7)
  return Number.isSafeInteger(tile) ? { group: readU32(key, 1), level: key[6]!, tile } : undefined
}

/** The leaf data of a bundle of 256 leaves, for records whose bodies stand in no batch here. */
export function logLeavesKey(group: number, bundle: number): Uint8Array {
  const key = groupKey(letters.log, group, 14)
  key[5] = part.leaves
  putU64(key, 6, bundle)
  return key
}

/** Bundles of leaf data from one on. */
export function logLeavesRange(group: number, from: number): StoreRange {
  return { from: logLeavesKey(group, from), to: logLeavesKey(group, pastLastU64) }
}

/** Of which records of a log the bodies are here. */
export function logBodiesKey(group: number): Uint8Array {
  const key = groupKey(letters.log, group, 6)
  key[5] = part.bodies
  return key
}

/** The members' decision on the log of `size` leaves. */
export function logCertificateKey(group: number, size: number): Uint8Array {
  const key = groupKey(letters.log, group, 14)
  key[5] = part.certificate
  putU64(key, 6, size)
  return key
}

/** Of the decisions on more than `leaf` leaves. */
export function logCertificatesRange(group: number, leaf: number): StoreRange {
  return { from: logCertificateKey(group, leaf + 1), to: logCertificateKey(group, pastLastU64) }
}

/** Everything of one authority's merkle log. */
export function logRange(group: number): StoreRange {
  return prefixRange(groupKey(letters.log, group, 5))
}

function snapshotKey(group: number, leaf: number, kind: number, extra: number): Uint8Array {
  const key = groupKey(letters.state, group, 14 + extra)
  putU64(key, 5, leaf)
  key[13] = kind
  return key
}

/** The manifest of the state snapshot as of `leaf`. */
export function snapshotManifestKey(group: number, leaf: number): Uint8Array {
  return snapshotKey(group, leaf, part.manifest, 0)
}

export function snapshotChunkKey(group: number, leaf: number, chunk: number): Uint8Array {
  const key = snapshotKey(group, leaf, part.chunk, 4)
  putU32(key, 14, chunk)
  return key
}

/** Every snapshot of a group, or the manifest and chunks of the one as of `leaf`. */
export function snapshotRange(group: number, leaf?: number): StoreRange {
  if (leaf === undefined) return prefixRange(groupKey(letters.state, group, 5))
  return prefixRange(snapshotKey(group, leaf, 0, 0).subarray(0, 13))
}

export function parseSnapshotKey(
  key: Uint8Array,
): { group: number; leaf: number; chunk: number | undefined } | undefined {
  if (key[0] !== letters.state || key.length < 14) return undefined
  const at = { group: readU32(key, 1), leaf: readU64(key, 5) }
  if (!Number.isSafeInteger(at.leaf)) return undefined
  if (key.length === 14 && key[13] === part.manifest) return { ...at, chunk: undefined }
  if (key.length === 18 && key[13] === part.chunk) return { ...at, chunk: readU32(key, 14) }
  return undefined
}

const ascii = new TextEncoder()

/** A named value that an authority keeps: applied index, last seal, checkpoint. `name` is short ASCII. */
export function authorityKey(group: number, name: string): Uint8Array {
  const text = ascii.encode(name)
  const key = groupKey(letters.authority, group, 5 + text.length)
  key.set(text, 5)
  return key
}

export function authorityRange(group: number): StoreRange {
  return prefixRange(groupKey(letters.authority, group, 5))
}

/** A named value of the node itself: format version, genesis hash, known peers, incarnation. */
export function nodeKey(name: string): Uint8Array {
  const text = ascii.encode(name)
  const key = new Uint8Array(1 + text.length)
  key[0] = letters.node
  key.set(text, 1)
  return key
}
