import { createHash } from 'node:crypto'
import {
  logBatchKey,
  logTileKey,
  parseLogBatchKey,
  parseLogTileKey,
  parseRaftKey,
  parseSnapshotKey,
  raftEntryKey,
  raftHardStateKey,
  raftRejoinKey,
  raftSnapshotKey,
  snapshotChunkKey,
  snapshotManifestKey,
} from '../../storage/keys.ts'
import { decodeBase64, encodeBase64 } from '../../storage/log/base64.ts'
import { formatCheckpoint, parseCheckpoint } from '../../storage/log/checkpoint.ts'
import { ed25519SignatureBytes, formatTimestamped, parseTimestamped } from '../../storage/log/cosignature.ts'
import { parseDecimal } from '../../storage/log/decimal.ts'
import { formatNote, parseNote } from '../../storage/log/note.ts'
import {
  decodeBatch,
  decodeStoredBatch,
  encodeBatch,
  encodeStoredBatch,
  type LogRecord,
} from '../../storage/log/record.ts'
import { entriesPath, parseLogPath, tilePath } from '../../storage/log/tiles.ts'
import { formatTlogProof, parseTlogProof } from '../../storage/log/tlog-proof.ts'
import { formatVkey, makeVkey, noteAlgorithm, parseVkey } from '../../storage/log/vkey.ts'
import { openChunk } from '../../storage/snapshot/chunk.ts'
import { decodeManifest, encodeManifest } from '../../storage/snapshot/manifest.ts'
import { writeSnapshot } from '../../storage/snapshot/snapshot.ts'
import { decodeStateProof, encodeStateProof } from '../../storage/state/proof.ts'
import { StateTree } from '../../storage/state/state-tree.ts'
import { type Parser, parser, textParser } from './parser.ts'

export const hash32 = (n: number): Uint8Array => new Uint8Array(createHash('sha256').update(`${n}`).digest())
export const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)

export const checkpointText = formatCheckpoint({
  origin: 'try/area/0000/0',
  size: 7,
  root: hash32(1),
  extensions: [],
})
export const longCheckpointText = formatCheckpoint({
  ...{ origin: 'try/area/0000/0', size: 2 ** 40, root: hash32(2), extensions: ['more', 'and more'] },
})
const line = (name: string, keyId: number) => ({ name, keyId, signature: filled(64, keyId % 256) })
export const notes = [
  formatNote(checkpointText, [line('try/area/0000/0', 0x1234_5678)]),
  formatNote(longCheckpointText, [line('a', 1), line('b', 0xffff_ffff), line('a', 1)]),
]

const salt = filled(16, 9)
export const records: LogRecord[] = [
  { kind: 1, rulesVersion: 1, salt, body: filled(40, 1) },
  { kind: 3, rulesVersion: 0, salt, body: filled(0, 0) },
  { kind: 7, rulesVersion: 65_535, salt, body: filled(101, 7) },
]

export const tlogProofs = [
  formatTlogProof({ extra: filled(36, 3), index: 5, proof: [hash32(1), hash32(2)], checkpoint: notes[0]! }),
  formatTlogProof({ extra: undefined, index: 0, proof: [], checkpoint: notes[1]! }),
]

const state = new StateTree()
for (let i = 0; i < 40; i++) state.set(hash32(i), filled(i + 1, i))
const snapshot = writeSnapshot(state, filled(20, 5), 400)
const manifest = decodeManifest(snapshot.manifest)!

const instance = { group: 1, epoch: 2, view: 3 }

export const storageParsers: readonly Parser[] = [
  textParser(
    'storage/log/note.ts#parseNote',
    () => notes,
    parseNote,
    ({ text, signatures }) => formatNote(text, signatures),
  ),
  textParser(
    'storage/log/checkpoint.ts#parseCheckpoint',
    () => [checkpointText, longCheckpointText],
    parseCheckpoint,
    formatCheckpoint,
  ),
  textParser(
    'storage/log/vkey.ts#parseVkey',
    () => [1, 4].map(algorithm => formatVkey(makeVkey('try/area/0000/0', algorithm, hash32(3)))),
    parseVkey,
    formatVkey,
  ),
  textParser(
    'storage/log/vkey.ts#parseVkey (ML-DSA-44)',
    () => [formatVkey(makeVkey('witness', noteAlgorithm.mlDsa44, filled(1312, 4)))],
    parseVkey,
    formatVkey,
  ),
  textParser('storage/log/tlog-proof.ts#parseTlogProof', () => tlogProofs, parseTlogProof, formatTlogProof),
  textParser(
    'storage/log/tiles.ts#parseLogPath',
    () => [
      'checkpoint',
      tilePath(0, 1_234_067, 256),
      tilePath(3, 7, 12),
      entriesPath(9, 255),
      entriesPath(10 ** 12, 256),
    ],
    parseLogPath,
    resource => {
      if (resource.kind === 'checkpoint') return 'checkpoint'
      if (resource.kind === 'entries') return entriesPath(resource.index, resource.width)
      return tilePath(resource.level, resource.index, resource.width)
    },
  ),
  textParser(
    'storage/log/base64.ts#decodeBase64',
    () => ['', 'AA==', 'AAA=', '+/+/'],
    decodeBase64,
    encodeBase64,
  ),
  textParser(
    'storage/log/decimal.ts#parseDecimal',
    () => ['0', '10', '9007199254740991'],
    parseDecimal,
    String,
  ),
  parser(
    'storage/log/cosignature.ts#parseTimestamped',
    () => [formatTimestamped({ timestampSeconds: 1_700_000_000, signature: filled(64, 1) })],
    bytes => parseTimestamped(bytes, ed25519SignatureBytes),
    formatTimestamped,
  ),
  parser(
    'storage/log/record.ts#decodeBatch',
    () => [encodeBatch(records), encodeBatch([]), encodeBatch(records.slice(1))],
    bytes => {
      const decoded = decodeBatch(bytes)
      return decoded.ok ? decoded.records : undefined
    },
    encodeBatch,
  ),
  parser(
    'storage/log/record.ts#decodeStoredBatch',
    () => [encodeStoredBatch({ index: 3, term: 2 ** 40, batch: encodeBatch(records) })],
    decodeStoredBatch,
    encodeStoredBatch,
  ),
  parser(
    'storage/state/proof.ts#decodeStateProof',
    () => [encodeStateProof(state.proof(hash32(3))), encodeStateProof({ other: undefined, path: [] })],
    bytes => decodeStateProof(bytes, false),
    encodeStateProof,
  ),
  parser(
    'storage/state/proof.ts#decodeStateProof (absent)',
    () => [encodeStateProof(state.proof(hash32(300)))],
    bytes => decodeStateProof(bytes, true),
    encodeStateProof,
  ),
  parser(
    'storage/snapshot/manifest.ts#decodeManifest',
    () => [snapshot.manifest],
    decodeManifest,
    encodeManifest,
  ),
  parser(
    'storage/snapshot/chunk.ts#openChunk',
    () => [snapshot.chunks[0]!],
    bytes => {
      const chunk = openChunk(manifest, 0, bytes)
      return chunk.ok ? chunk.entries : undefined
    },
    'zstd has many forms; what it unpacks to is proven by the state root',
  ),
  parser(
    'storage/keys.ts#parseRaftKey',
    () => [
      raftEntryKey(instance, 2 ** 40 + 12_345),
      raftHardStateKey(instance),
      raftSnapshotKey(instance),
      raftRejoinKey(instance),
    ],
    parseRaftKey,
    ({ instance: of, part, index }) =>
      ({
        entry: raftEntryKey(of, index),
        hardState: raftHardStateKey(of),
        snapshot: raftSnapshotKey(of),
        rejoin: raftRejoinKey(of),
      })[part],
  ),
  parser(
    'storage/keys.ts#parseLogBatchKey',
    () => [logBatchKey(1, 2 ** 40 + 12_345)],
    parseLogBatchKey,
    ({ group, firstLeaf }) => logBatchKey(group, firstLeaf),
  ),
  parser(
    'storage/keys.ts#parseLogTileKey',
    () => [logTileKey(1, 2, 2 ** 40 + 12_345)],
    parseLogTileKey,
    ({ group, level, tile }) => logTileKey(group, level, tile),
  ),
  parser(
    'storage/keys.ts#parseSnapshotKey',
    () => [snapshotManifestKey(1, 7), snapshotChunkKey(1, 2 ** 40 + 12_345, 3)],
    parseSnapshotKey,
    ({ group, leaf, chunk }) =>
      chunk === undefined ? snapshotManifestKey(group, leaf) : snapshotChunkKey(group, leaf, chunk),
  ),
]
