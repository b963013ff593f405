import { decodeAttestation, encodeAttestation } from '../../client/protocol/attestation.ts'
import { encoded } from '../../client/protocol/encode.ts'
import { type Advert, decodeAdvert, encodeAdvert } from '../../daemon/adverts/advert.ts'
import { appliedOp, decodeApplied } from '../../daemon/authority/applied.ts'
import { decodeMark, decodeSeal, encodeMark, encodeSeal } from '../../daemon/authority/bodies.ts'
import { decodeNotes, encodeNotes } from '../../daemon/checkpoints/message.ts'
import { decodeGrant, encodeGrant } from '../../daemon/disclosure/grant.ts'
import { formatTwoFaces, parseTwoFaces } from '../../daemon/evidence/two-faces.ts'
import { formatVoteEvidence, parseVoteEvidence } from '../../daemon/evidence/vote-evidence.ts'
import {
  decodeFrame,
  decodeSubscribe,
  encodeFrame,
  encodeSubscribe,
  type FeedFrame,
} from '../../daemon/feed/codec.ts'
import {
  decodeCosignature,
  decodeCosignRequest,
  encodeCosignature,
  encodeCosignRequest,
} from '../../daemon/hosting/finality/cosign-codec.ts'
import { writeSnapshotReply, writeSnapshotRequest } from '../../daemon/hosting/snapshot.pb.js'
import { decodeSnapshotReply } from '../../daemon/hosting/snapshot-answers.ts'
import { decodeSnapshotRequest } from '../../daemon/hosting/snapshot-server.ts'
import { decodeInfo } from '../../daemon/hosting/snapshots.ts'
import { decodeStanding, standingOp } from '../../daemon/hosting/standing.ts'
import {
  decodeSyncBatch,
  decodeSyncRequest,
  encodeSyncBatch,
  encodeSyncRequest,
} from '../../daemon/hosting/sync.ts'
import { parseLogUrl } from '../../daemon/http/log-path.ts'
import {
  decodeIncarnation,
  incarnationOp,
  incarnationText,
  parseIncarnation,
} from '../../daemon/identity/incarnation.ts'
import { FrameReader, FrameWriter, frameHeaderBytes } from '../../daemon/network/frames.ts'
import { greetingMaxBytes, Handshake } from '../../daemon/network/handshake.ts'
import {
  decodeFinalAnswers,
  decodeFinalRequest,
  encodeFinalAnswers,
  encodeFinalRequest,
} from '../../daemon/routing/final-codec.ts'
import {
  decodeAnswers,
  decodeRequest,
  encodeAnswers,
  encodeRequest,
  type IndexedAnswer,
} from '../../daemon/routing/intent-codec.ts'
import {
  decodeReadAnswers,
  decodeReadRequest,
  encodeReadAnswers,
  encodeReadRequest,
} from '../../daemon/routing/read-codec.ts'
import { evidence } from './consensus.ts'
import { joined } from './damage.ts'
import { type Parser, parser, textParser } from './parser.ts'
import { filled, hash32, notes } from './storage.ts'

export const seals = [
  {
    ...{ height: 7, epoch: 1, previous: hash32(1), stateRoot: hash32(2), asOfSize: 2 ** 40 + 1 },
    ...{ tick: 9, timeMs: 1_700_000_000_001, nextMembers: [1, 2, 70_000] },
  },
  {
    ...{ height: 1, epoch: 0, previous: filled(32, 0), stateRoot: hash32(2), asOfSize: 2 },
    ...{ tick: 0, timeMs: 0, nextMembers: [] },
  },
]
const finalProof = {
  ...{ certificate: filled(300, 1), checkpoint: 'try/area/0/0\n7\nroot\n' },
  ...{ hashes: filled(64, 2), proof: filled(96, 3), activations: [filled(300, 4)] },
}
const attestation = { gateway: 3, slots: [undefined, hash32(4), undefined], signature: filled(64, 5) }

const feedFrames: FeedFrame[] = [
  {
    ...{ tick: 2 ** 40, leaf: 300, changed: [filled(80, 1), filled(0, 0)], removed: ['ab', 'cdé'] },
    ...{ events: [filled(40, 2)], state: 2 },
  },
  { tick: 0, leaf: 0, changed: [], removed: [], events: [], state: 0 },
]

const answers: IndexedAnswer[] = [
  { index: 0, count: 300, answer: { kind: 'committed', receipts: filled(50, 1) } },
  { index: 300, count: 1, answer: { kind: 'gap', expectedSeq: 7 } },
  { index: 301, count: 1, answer: { kind: 'busy', retryAfterMs: 300 } },
  { index: 302, count: 1, answer: { kind: 'refused', code: 'session-closed' } },
  { index: 303, count: 1, answer: { kind: 'not-leader', leader: 0 } },
  { index: 304, count: 1, answer: { kind: 'not-leader', leader: 300 } },
]

const advert: Advert = {
  ...{ number: 1, wallMs: 1_700_000_000_000, gatewayUrl: 'ws://a/é', httpUrl: '' },
  led: [
    {
      ...{
        group: 1,
        term: 2,
        size: 3,
        sealedSize: 4,
        sealHeight: 5,
        checkpointRoot: 'ab'.repeat(32),
        stateRoot: '',
      },
      ...{ entities: 1, players: 2, actions: 3, tick: 4, awake: true },
    },
  ],
}

/** The frames of a stream that comes in pieces of seven bytes. */
function framesOf(stream: Uint8Array, maxFrameBytes: number): Uint8Array[] | undefined {
  const frames: Uint8Array[] = []
  const reader = new FrameReader(maxFrameBytes)
  let bytes = 0
  for (let at = 0; at < stream.length; at += 7) {
    const goesOn = reader.push(stream.subarray(at, at + 7), frame => {
      frames.push(frame.slice())
      bytes += frameHeaderBytes + frame.length
      return frames.length < 100
    })
    if (!goesOn) return undefined
  }
  return bytes === stream.length ? frames : undefined
}

function streamOf(frames: readonly Uint8Array[]): Uint8Array {
  const writer = new FrameWriter()
  for (const frame of frames) writer.add(frame)
  return new Uint8Array(Buffer.concat(writer.take()))
}

function handshake(dialler: boolean): Handshake {
  const rules = {
    ...{ genesisHash: hash32(1), protocol: { min: 1, max: 2 }, role: 'node', softwareVersion: '1.0' },
    ...{ addresses: () => ['/ip4/127.0.0.1/tcp/1'], allow: () => true, hasRoomFor: () => true },
  }
  return new Handshake(rules, 'peer', dialler)
}

/** Both sides' words, as the other hears them. */
function greetings(): Uint8Array[] {
  const [dialler, other] = [handshake(true), handshake(false)]
  const hello = dialler.start().send!
  const answer = other.receive(hello).send!
  return [hello, answer, dialler.receive(answer).send!]
}

const syncBatch = { firstLeaf: 300, index: 7, term: 2, batch: filled(30, 1), end: false, droppedTo: 0 }
const syncEnd = { firstLeaf: 0, index: 0, term: 0, batch: undefined, end: true, droppedTo: 300 }
const snapshotRequest = { group: 1, size: 300, finalSize: 400, kind: 2, first: 3, height: 0 }
const snapshotReply = { code: '', data: filled(50, 1), proof: filled(64, 2), leaf: 300, record: filled(9, 3) }

export const nodeParsers: readonly Parser[] = [
  parser(
    'daemon/hosting/sync.ts#decodeSyncRequest',
    () => [encodeSyncRequest({ group: 1, from: 300, to: 2 ** 40 + 1 })],
    decodeSyncRequest,
    encodeSyncRequest,
  ),
  parser(
    'daemon/hosting/sync.ts#decodeSyncBatch',
    () => [syncBatch, syncEnd].map(encodeSyncBatch),
    decodeSyncBatch,
    encodeSyncBatch,
  ),
  parser(
    'daemon/hosting/snapshot-server.ts#decodeSnapshotRequest',
    () => [encoded(writeSnapshotRequest, snapshotRequest)],
    decodeSnapshotRequest,
    request => encoded(writeSnapshotRequest, request),
  ),
  parser(
    'daemon/hosting/snapshot-answers.ts#decodeSnapshotReply',
    () => [encoded(writeSnapshotReply, snapshotReply)],
    decodeSnapshotReply,
    reply => encoded(writeSnapshotReply, reply),
  ),
  parser(
    'daemon/hosting/snapshots.ts#decodeInfo',
    () => [
      joined(filled(8, 0), Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 7), filled(22, 0)),
      joined(
        ...[filled(8, 0), Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 7), filled(22, 0)],
        ...[Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 3), filled(32, 5)],
      ),
    ],
    bytes => decodeInfo(bytes, hash32(1)),
    'it is part of a manifest, and held against the seal that proves that',
  ),
  parser(
    'daemon/checkpoints/message.ts#decodeNotes',
    () => [encodeNotes(notes).bytes],
    decodeNotes,
    claims => encodeNotes(claims.map(({ note }) => note)).bytes,
  ),
  textParser(
    'daemon/evidence/two-faces.ts#parseTwoFaces',
    () => [formatTwoFaces({ older: notes[0]!, newer: notes[1]!, path: [hash32(1)] })],
    parseTwoFaces,
    formatTwoFaces,
  ),
  textParser(
    'daemon/evidence/vote-evidence.ts#parseVoteEvidence',
    () => [formatVoteEvidence(evidence)],
    parseVoteEvidence,
    formatVoteEvidence,
  ),
  parser(
    'daemon/hosting/standing.ts#decodeStanding',
    () => [standingOp(1, { epoch: 1, view: 2, baseSize: 2 ** 40 + 1 }).value!],
    decodeStanding,
    standing => standingOp(1, standing).value!,
  ),
  parser(
    'daemon/disclosure/grant.ts#decodeGrant',
    () => [
      encodeGrant({ member: 3, expiresAtMs: 2 ** 40 + 1, serial: filled(16, 1), signature: filled(64, 2) }),
    ],
    decodeGrant,
    encodeGrant,
  ),
  parser(
    'daemon/hosting/finality/cosign-codec.ts#decodeCosignRequest',
    () => [encodeCosignRequest({ group: 7, size: 2 ** 40 + 1 })],
    decodeCosignRequest,
    encodeCosignRequest,
  ),
  parser(
    'daemon/hosting/finality/cosign-codec.ts#decodeCosignature',
    () => [encodeCosignature({ group: 7, size: 2 ** 40 + 1, signature: filled(72, 1) })],
    decodeCosignature,
    encodeCosignature,
  ),
  parser(
    'daemon/network/frames.ts#FrameReader',
    () => [streamOf([filled(3, 1), filled(0, 0), filled(1000, 2)])],
    bytes => framesOf(bytes, 1 << 16),
    streamOf,
  ),
  parser(
    'daemon/network/handshake.ts#Handshake',
    greetings,
    // Longer frames end the stream.
    bytes =>
      bytes.length > greetingMaxBytes
        ? undefined
        : [handshake(true).receive(bytes), handshake(false).receive(bytes)],
    'a newer program must be understood well enough to be told why it is refused, so that unknown fields pass',
  ),
  parser(
    'daemon/routing/intent-codec.ts#decodeRequest',
    () => [
      encodeRequest({
        group: 1,
        batch: 300,
        bodies: [filled(80, 1), filled(70, 2)],
        signature: filled(64, 3),
      }),
    ],
    decodeRequest,
    encodeRequest,
  ),
  parser(
    'daemon/routing/intent-codec.ts#decodeAnswers',
    () => [encodeAnswers({ batch: 7, answers })],
    decodeAnswers,
    encodeAnswers,
  ),
  parser(
    'daemon/routing/read-codec.ts#decodeReadRequest',
    () => [encodeReadRequest({ group: 1, batch: 300, targets: [filled(16, 1), filled(32, 2)] })],
    decodeReadRequest,
    encodeReadRequest,
  ),
  parser(
    'daemon/routing/read-codec.ts#decodeReadAnswers',
    () => [
      encodeReadAnswers({
        batch: 7,
        answers: [
          {
            index: 0,
            answer: { kind: 'state', state: { entity: filled(90, 1), size: 9, tick: 300, byLease: true } },
          },
          {
            index: 1,
            answer: { kind: 'state', state: { entity: undefined, size: 9, tick: 0, byLease: false } },
          },
          { index: 2, answer: { kind: 'busy', retryAfterMs: 100 } },
          { index: 3, answer: { kind: 'refused', code: 'no-such-entity' } },
          { index: 4, answer: { kind: 'not-leader', leader: 0 } },
        ],
      }),
    ],
    decodeReadAnswers,
    encodeReadAnswers,
  ),
  parser(
    'daemon/routing/final-codec.ts#decodeFinalRequest',
    () => [
      encodeFinalRequest({
        ...{ group: 1, batch: 300 },
        asks: [
          { leaves: [0, 7, 300, 2 ** 40], soon: true, epoch: 1 },
          { leaves: [9], soon: false, epoch: 1 },
        ],
      }),
    ],
    decodeFinalRequest,
    encodeFinalRequest,
  ),
  parser(
    'daemon/routing/final-codec.ts#decodeFinalAnswers',
    () => [
      encodeFinalAnswers({
        batch: 7,
        answers: [
          { index: 0, answer: { kind: 'final', proof: finalProof } },
          { index: 1, answer: { kind: 'final', proof: { ...finalProof, proof: filled(0, 0) } } },
          { index: 2, answer: { kind: 'busy', retryAfterMs: 100 } },
          { index: 3, answer: { kind: 'not-yet' } },
          { index: 4, answer: { kind: 'not-leader', leader: 0 } },
        ],
      }),
    ],
    decodeFinalAnswers,
    encodeFinalAnswers,
  ),
  parser(
    'daemon/feed/codec.ts#decodeSubscribe',
    () => [encodeSubscribe(70_000)],
    decodeSubscribe,
    encodeSubscribe,
  ),
  parser('daemon/feed/codec.ts#decodeFrame', () => feedFrames.map(encodeFrame), decodeFrame, encodeFrame),
  parser('daemon/adverts/advert.ts#decodeAdvert', () => [encodeAdvert(advert)], decodeAdvert, encodeAdvert),
  parser(
    'client/protocol/attestation.ts#decodeAttestation',
    () => [encodeAttestation(attestation)],
    decodeAttestation,
    encodeAttestation,
  ),
  parser(
    'daemon/authority/bodies.ts#decodeMark',
    () => [encodeMark({ height: 2 ** 40 + 1 })],
    decodeMark,
    encodeMark,
  ),
  parser('daemon/authority/bodies.ts#decodeSeal', () => seals.map(encodeSeal), decodeSeal, encodeSeal),
  parser(
    'daemon/authority/applied.ts#decodeApplied',
    () => [appliedOp(1, { index: 1, term: 2, size: 2 ** 40 + 1 }).value!],
    decodeApplied,
    'stores of the first version have no checksum here',
  ),
  parser(
    'daemon/identity/incarnation.ts#decodeIncarnation',
    () => [incarnationOp({ incarnation: 3, birth: 2 ** 40 + 1 }).value!],
    decodeIncarnation,
    incarnation => incarnationOp(incarnation).value!,
  ),
  textParser(
    'daemon/identity/incarnation.ts#parseIncarnation',
    () => [incarnationText({ incarnation: 3, birth: 2 ** 40 + 1 })],
    parseIncarnation,
    'a file that its owner may have opened in an editor',
  ),
  textParser(
    'daemon/http/log-path.ts#parseLogUrl',
    () => ['try/area/0000/0/checkpoint', 'a/tile/0/x001/067.p/12', 'a/bodies/009', 'a/charter'],
    parseLogUrl,
    'what names the resource in it is parseLogPath, which has one form',
  ),
]
