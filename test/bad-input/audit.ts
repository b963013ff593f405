import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatFinished, parseFinished } from '../../audit/all/done.ts'
import { type BrokenRules, formatBrokenRules, parseBrokenRules } from '../../audit/broken-rules.ts'
import { AuditError } from '../../audit/errors.ts'
import { formatTwoFaces, parseTwoFaces } from '../../audit/evidence.ts'
import { parseGenesis as parseAuditorsGenesis } from '../../audit/genesis.ts'
import { formatKept, parseKept } from '../../audit/log/kept.ts'
import { parsePath, pathOf } from '../../audit/log/paths.ts'
import { formatMemory, parseMemory } from '../../audit/memory.ts'
import { readMark, readSeal } from '../../audit/replay/bodies.ts'
import { parseManifest, parseEntries as parseStateEntries } from '../../audit/replay/snapshot.ts'
import { formatStand, parseStand, type Stand } from '../../audit/replay/stand.ts'
import { withMessage } from '../../audit/report.ts'
import { u32 } from '../../audit/verify/bytes.ts'
import { parseCertificate, parseQuorum } from '../../audit/verify/certificate.ts'
import { parseCheckpoint } from '../../audit/verify/checkpoint.ts'
import { parseNote, parseVerifierKey } from '../../audit/verify/note.ts'
import { parseBatch } from '../../audit/verify/record.ts'
import { parseEntries, parseTile } from '../../audit/verify/tiles.ts'
import { parseTlogProof } from '../../audit/verify/tlog-proof.ts'
import { parseAddCheckpoint } from '../../audit/witness/add-checkpoint.ts'
import { encodeQuorum } from '../../consensus/finality/certificate.ts'
import { encodeMark, encodeSeal } from '../../daemon/authority/bodies.ts'
import { SetupError } from '../../daemon/config/setup-error.ts'
import { buildGenesis } from '../../daemon/genesis/build.ts'
import { encodeGenesis, parseGenesis } from '../../daemon/genesis/genesis.ts'
import { createNodeKeys } from '../../daemon/identity/node-keys.ts'
import { readU32 } from '../../storage/bytes.ts'
import { encodeBase64 } from '../../storage/log/base64.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { formatNote } from '../../storage/log/note.ts'
import { encodeBatch } from '../../storage/log/record.ts'
import { formatTlogProof } from '../../storage/log/tlog-proof.ts'
import { formatVkey, makeVkey } from '../../storage/log/vkey.ts'
import { encodeManifest } from '../../storage/snapshot/manifest.ts'
import { writeSnapshot } from '../../storage/snapshot/snapshot.ts'
import { passingOperators } from '../../testnet/local/operators.ts'
import { certificate } from './consensus.ts'
import { joined } from './damage.ts'
import { seals } from './nodes.ts'
import { type Parser, parser, refusing, textParser } from './parser.ts'
import { checkpointText, filled, hash32, longCheckpointText, notes, records, tlogProofs } from './storage.ts'

/** A network of one node with one area. */
function genesisFile(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'freehold-bad-input-'))
  try {
    const keys = createNodeKeys(join(folder, 'keys.json'), 'try')
    return buildGenesis({
      ...{ network: 'try', createdAt: new Date(0), areas: 1, replicas: 1, seed: 7 },
      operators: passingOperators(),
      nodes: [{ keys, operator: 'o', addresses: ['/ip4/127.0.0.1/tcp/7300'] }],
    }).bytes
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function bundle(entries: readonly Uint8Array[]): Uint8Array {
  return joined(...entries.flatMap(entry => [Uint8Array.of(entry.length >> 8, entry.length & 255), entry]))
}

const broken: BrokenRules[] = [
  {
    ...{ code: 'wrong-tick', firstLeaf: 8, lastLeaf: 9, from: 7, records, checkpoint: notes[0]! },
    state: [
      { key: filled(1, 1), value: filled(30, 2) },
      { key: filled(0, 0), value: filled(16, 3) },
    ],
    ...{ edge: [hash32(1), hash32(2), hash32(3)], path: [hash32(4)] },
  },
  {
    ...{ code: 'wrong-charter', firstLeaf: 0, lastLeaf: 0, from: 0, records: [], checkpoint: notes[1]! },
    ...{ state: [], edge: [], path: [] },
  },
]

const states = [1, 2, 3, 4, 5].map(fill => ({ key: hash32(fill), value: filled(60, fill) }))

/** As a chunk of a snapshot has them, before it is compressed. */
function entriesOf(entries: readonly { key: Uint8Array; value: Uint8Array }[]): Uint8Array {
  return joined(...entries.flatMap(({ key, value }) => [key, u32(value.length), value]))
}

const stand: Stand = {
  ...{ program: 'ab'.repeat(8), size: 2 ** 40, root: encodeBase64(hash32(1)), state: states },
  counts: { from: 0, records: 9, inputs: 3, sealedRoots: 2, voidRecords: 1 },
}

const report = withMessage({
  ...{ ok: false, origin: 'try/area/0000/0', size: 9, root: encodeBase64(hash32(1)), replayedFrom: 0 },
  ...{ decidedSize: 9, decidedBy: [1, 2], signedBy: [1], records: 9, inputs: 3, sealedRoots: 2 },
  ...{ lastHeight: 2, voidRecords: 0, notes: ['A note.'], omittedFindings: 0 },
  findings: [
    { code: 'wrong-tick', file: 'f', firstLeaf: 3, lastLeaf: 4, message: 'f, leaf 3: wrong', evidence: 'e' },
  ],
})

const addCheckpoints = [
  `old 0\n\n${notes[0]}`,
  `old 7\n${encodeBase64(hash32(1))}\n${encodeBase64(hash32(2))}\n\n${notes[1]}`,
]

/** The auditor has readers of its own; the node's writers say whether both mean the same form. */
export const auditParsers: readonly Parser[] = [
  textParser(
    'audit/broken-rules.ts#parseBrokenRules',
    () => broken.map(evidence => formatBrokenRules(evidence)!),
    parseBrokenRules,
    evidence => formatBrokenRules(evidence)!,
  ),
  parser(
    'audit/verify/certificate.ts#parseCertificate',
    () => [encodeQuorum(certificate)],
    parseCertificate,
    ({ seal, epoch, view, votes }) => encodeQuorum({ kind: 2, seal, epoch, view, votes }),
  ),
  parser(
    'audit/verify/certificate.ts#parseQuorum',
    () => [encodeQuorum(certificate), encodeQuorum({ ...certificate, kind: 1 })],
    parseQuorum,
    ({ kind, seal, epoch, view, votes }) => encodeQuorum({ kind, seal, epoch, view, votes }),
  ),
  parser(
    'audit/genesis.ts#parseGenesis',
    () => [genesisFile()],
    bytes => refusing(isAuditError, () => parseAuditorsGenesis(bytes, 'genesis.json')),
    'the bytes are kept as they are; it has been compared with its canonical form',
  ),
  parser(
    'daemon/genesis/genesis.ts#parseGenesis',
    () => [genesisFile()],
    bytes =>
      refusing(
        error => error instanceof SetupError,
        () => parseGenesis(bytes),
      ),
    ({ file }) => encodeGenesis(file),
  ),
  textParser(
    'audit/verify/note.ts#parseNote',
    () => notes,
    parseNote,
    ({ text, lines }) =>
      formatNote(
        text,
        lines.map(({ name, id, signature }) => ({ name, keyId: readU32(id, 0), signature })),
      ),
  ),
  textParser(
    'audit/verify/note.ts#parseVerifierKey',
    () => [1, 4].map(algorithm => formatVkey(makeVkey('try/area/0000/0', algorithm, hash32(3)))),
    parseVerifierKey,
    ({ name, algorithm, publicKey }) => formatVkey(makeVkey(name, algorithm, publicKey)),
  ),
  textParser(
    'audit/verify/checkpoint.ts#parseCheckpoint',
    () => [checkpointText, longCheckpointText],
    parseCheckpoint,
    formatCheckpoint,
  ),
  textParser('audit/verify/tlog-proof.ts#parseTlogProof', () => tlogProofs, parseTlogProof, formatTlogProof),
  textParser(
    'audit/log/paths.ts#parsePath',
    () => ['tile/0/x001/x234/067', 'tile/3/007.p/12', 'tile/entries/009.p/255', 'bodies/009'],
    parsePath,
    pathOf,
  ),
  parser(
    'audit/verify/tiles.ts#parseEntries',
    () => [bundle([filled(36, 1), filled(0, 0)])],
    bytes => parseEntries(bytes, 2),
    bundle,
  ),
  parser(
    'audit/verify/tiles.ts#parseTile',
    () => [joined(hash32(1), hash32(2))],
    bytes => parseTile(bytes, 2),
    hashes => joined(...hashes),
  ),
  parser(
    'audit/verify/record.ts#parseBatch',
    () => [encodeBatch(records), encodeBatch([])],
    parseBatch,
    encodeBatch,
  ),
  textParser(
    'audit/evidence.ts#parseTwoFaces',
    () => [formatTwoFaces({ older: notes[0]!, newer: notes[1]!, path: [hash32(1)] })],
    parseTwoFaces,
    formatTwoFaces,
  ),
  parser(
    'audit/witness/add-checkpoint.ts#parseAddCheckpoint',
    () => addCheckpoints.map(text => new Uint8Array(Buffer.from(text))),
    parseAddCheckpoint,
    ({ oldSize, proof, note }) =>
      new Uint8Array(Buffer.from([`old ${oldSize}`, ...proof.map(encodeBase64), '', note].join('\n'))),
  ),
  parser(
    'audit/replay/bodies.ts#readMark',
    () => [encodeMark({ height: 2 ** 40 + 1 })],
    readMark,
    encodeMark,
  ),
  textParser('audit/replay/stand.ts#parseStand', () => [formatStand(stand)], parseStand, formatStand),
  textParser(
    'audit/memory.ts#parseMemory',
    () => [
      formatMemory({ notes, sources: new Map([['http://127.0.0.1:7302', 2 ** 40]]), members: new Map() }),
      formatMemory({ notes: [], sources: new Map(), members: new Map([[4, 2]]) }),
    ],
    parseMemory,
    formatMemory,
  ),
  textParser(
    'audit/all/done.ts#parseFinished',
    () => [
      formatFinished([{ source: '/a/folder', program: 'ab'.repeat(8), report }]),
      formatFinished([{ source: '/a/folder', report }]),
      formatFinished([]),
    ],
    parseFinished,
    formatFinished,
  ),
  textParser(
    'audit/log/kept.ts#parseKept',
    () => [
      formatKept({ bodiesFrom: 0, snapshots: [] }),
      formatKept({ bodiesFrom: 512, snapshots: [512, 2 ** 40] }),
    ],
    parseKept,
    formatKept,
  ),
  parser(
    'audit/replay/snapshot.ts#parseManifest',
    () => [writeSnapshot(states, filled(90, 1), 100).manifest, writeSnapshot([], filled(0, 0)).manifest],
    parseManifest,
    ({ stateRoot, info, chunks }) => encodeManifest({ stateRoot, sealInfo: info, chunks }),
  ),
  parser(
    'audit/replay/snapshot.ts#parseEntries',
    () => [entriesOf(states)],
    bytes => parseStateEntries(bytes),
    entriesOf,
  ),
  parser('audit/replay/bodies.ts#readSeal', () => seals.map(encodeSeal), readSeal, encodeSeal),
]

function isAuditError(error: unknown): boolean {
  return error instanceof AuditError
}
