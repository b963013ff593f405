import type { BatchTree } from '../../consensus/finality/batch-tree.ts'
import { signBatch } from '../../consensus/finality/batcher.ts'
import { decodeCertificate, decodeQuorum, encodeQuorum } from '../../consensus/finality/certificate.ts'
import { decodeEvidence, encodeEvidence } from '../../consensus/finality/evidence.ts'
import { type BatchItem, decodeFrame, encodeFrame, type Frame } from '../../consensus/finality/frame.ts'
import { decodeMessage, encodeMessage, type Message } from '../../consensus/finality/message.ts'
import { decodeSeal, encodeSeal, sealHash } from '../../consensus/finality/seal.ts'
import { decodeSignState, encodeSignState } from '../../consensus/finality/sign-state.ts'
import type { Signature } from '../../consensus/finality/signed.ts'
import type { Statement } from '../../consensus/finality/statement.ts'
import {
  decodeFrame as decodeGroupFrame,
  encodeFrames,
  encodeLiveness,
  type Frame as GroupFrame,
  type Outgoing,
} from '../../consensus/groups/frame.ts'
import { decodeOrder, encodeOrder } from '../../consensus/handover/inherit.ts'
import { decodeMessage as decodeWord, encodeMessage as encodeWord } from '../../consensus/handover/message.ts'
import { decodeRecord, encodeRecord, type HandoverRecord } from '../../consensus/handover/record.ts'
import { decodeConfChange, encodeConfChange } from '../../consensus/raft/confchange/codec.ts'
import { MessageType, newMessage, type Message as RaftMessage } from '../../consensus/raft/types.ts'
import { decodeMessage as decodeRaft, encodeMessage as encodeRaft } from '../../consensus/raft/wire.ts'
import { authority, keys, quorum, seal, sign } from '../consensus/finality/generate.ts'
import { type Parser, parser } from './parser.ts'
import { filled, hash32 } from './storage.ts'

const nextMembers = [3, 7].map(node => ({ node, key: keys.publicKey(node) }))
const first = seal(1, filled(32, 0))
const second = seal(2, sealHash(first), { nextEpoch: 1, nextMembers })
const ballot = { view: 1, height: 2, hash: sealHash(second) }
const votes: Statement[] = [
  { kind: 1, authority, epoch: 0, ballot },
  { kind: 2, authority, epoch: 0, ballot: { ...ballot, hash: hash32(1) } },
  { kind: 5, authority, epoch: 0, view: 1, term: 3, leaf: 2 ** 40, hash: hash32(2) },
]
const viewChange = { kind: 3 as const, authority, epoch: 0, view: 4, ballot }
const newView = { kind: 4 as const, authority, epoch: 0, view: 4, ballot }
const proof = quorum(1, second, 4)
export const certificate = { ...quorum(2, second, 4), kind: 2 as const }
export const evidence = { first: sign(2, votes[0]!, votes), second: sign(2, votes[1]!) }

const messages: Message[] = [
  { type: 'statement', signed: sign(1, votes[2]!, votes) },
  { type: 'view-change', viewChange: { signed: sign(1, viewChange), proof } },
  { type: 'view-change', viewChange: { signed: sign(1, viewChange), proof: undefined } },
  {
    type: 'new-view',
    newView: {
      signed: sign(1, newView),
      reports: [1, 2, 3].map(node => ({ ballot, by: sign(node, viewChange).by })),
      proof,
    },
  },
  { type: 'certificate', certificate },
  { type: 'ask', ask: { epoch: 1, view: 2, height: 2 ** 40 } },
  { type: 'recall', nonce: 7 },
  { type: 'recalled', recalled: { nonce: 7, epoch: 1, view: 2, ballot } },
  { type: 'evidence', evidence },
]

function frames(): Uint8Array[] {
  const items = votes.map((statement, group) => ({ group, statement, peers: [] }))
  const { batch } = signBatch(7, items, keys.signer(7))
  const said = messages.slice(0, 3).map(message => ({ group: 2, bytes: encodeMessage(message) }))
  return [
    encodeFrame(batch, [0, 2], said),
    encodeFrame(undefined, [], said),
    encodeFrame(batch, [0, 1, 2], []),
  ]
}

/** As its signer wrote it, from what a peer has read. */
function rewrittenFrame({ batch, messages }: Frame): Uint8Array {
  const said = messages.map(({ group, message }) => ({ group, bytes: encodeMessage(message) }))
  if (batch === undefined) return encodeFrame(undefined, [], said)
  const indexes = batch.items.map(({ signed }) => signed.by.index)
  const items: BatchItem[] = Array(batch.items[0]!.signed.by.count)
  for (const { group, signed } of batch.items) items[signed.by.index] = { group, statement: signed.statement }
  const tree = { rest: () => restOf(batch.items.map(({ signed }) => signed.by)) } as unknown as BatchTree
  return encodeFrame({ items, tree, signature: batch.signature }, indexes, said)
}

/** The hashes of their paths that do not follow from the statements themselves: level by level, in order. */
function restOf(signatures: readonly Signature[]): Uint8Array[] {
  const rest: Uint8Array[] = []
  let nodes = signatures.map(({ index, path }) => ({ at: index, path: [...path] }))
  for (let width = signatures[0]!.count; width > 1; width = (width + 1) >>> 1) {
    const known = new Set(nodes.map(({ at }) => at))
    for (const { at, path } of nodes) {
      const sibling = (at ^ 1) < width ? path.shift() : undefined
      if (sibling !== undefined && !known.has(at ^ 1)) rest.push(sibling)
    }
    nodes = nodes.filter(({ at }, i) => i === 0 || nodes[i - 1]!.at >>> 1 !== at >>> 1)
    nodes = nodes.map(({ at, path }) => ({ at: at >>> 1, path }))
  }
  return rest
}

const append: RaftMessage = {
  ...newMessage(MessageType.App, 2),
  ...{ from: 1, term: 5, logTerm: 4, index: 300, commit: 299, reject: true, rejectHint: 7 },
  entries: [
    { term: 5, index: 301, type: 0, data: filled(30, 1) },
    { term: 5, index: 302, type: 2, data: filled(0, 0) },
  ],
}
const confState = {
  voters: [1, 2, 300],
  learners: [4],
  votersOutgoing: [1],
  learnersNext: [5],
  autoLeave: true,
}
const raftMessages: RaftMessage[] = [
  append,
  { ...newMessage(MessageType.Heartbeat, 3), from: 1, term: 2 ** 40, context: filled(10, 3) },
  {
    ...newMessage(MessageType.Snap, 2),
    ...{ from: 1, term: 5, snapshot: { index: 9, term: 4, confState, data: filled(9, 9) } },
  },
]

const notes = {
  snapshotFailed: 77,
  sleepTerm: 5,
  sleepIndex: 300,
  wake: true,
  support: 9,
  removedAt: 8,
  rejoinAsk: 3,
}
const rejoinAnswer = {
  ...{ nonce: 1, term: 2, lastIndex: 300, applied: 4, voters: [1, 2, 300], votersOutgoing: [4], wiped: true },
}
const instances = [
  { group: 1, epoch: 0, view: 0 },
  { group: 70_000, epoch: 2, view: 1 },
]
const outgoing: Outgoing[] = [
  { instance: instances[0]!, message: append },
  { instance: instances[0]!, message: raftMessages[1] },
  { instance: instances[1]!, message: undefined, ...notes, rejoinAnswer },
]
const liveness = {
  ...{
    incarnation: 2 ** 40,
    sentUs: 7,
    supportMs: 3000,
    forIncarnation: 8,
    echoUs: 9,
    heldUs: 10,
    grantedMs: 1,
  },
  ...{ epoch: 3, supports: [1, 2, 300] },
}
const maxFrameBytes = 4 << 20

/** As `encodeFrames` is given it. */
function outgoingOf({ groups }: GroupFrame): Outgoing[] {
  return groups.flatMap(group => {
    const { messages: held, group: number, epoch, view, ...rest } = group
    const instance = { group: number, epoch, view }
    const said = held.map(message => ({ instance, message }))
    return [...said, { instance, message: undefined, ...rest }]
  })
}

function rewritten(frame: GroupFrame): Uint8Array {
  const groups = Buffer.concat(encodeFrames(outgoingOf(frame), maxFrameBytes))
  return frame.liveness === undefined
    ? groups
    : new Uint8Array([...groups, ...encodeLiveness(frame.liveness)])
}

const ids = [1, 2, 3].map(n => Buffer.from(hash32(n)).toString('hex'))
const handover = { source: ids[0]!, target: ids[1]!, n: 2 ** 40 }
const shown = {
  final: encodeQuorum(certificate),
  parts: [
    { key: filled(74, 1), value: filled(100, 2), path: filled(66, 3) },
    { key: filled(34, 4), value: undefined, path: filled(40, 5) },
  ],
}
const handoverRecords: HandoverRecord[] = [
  { kind: 'lock', entity: ids[0]!.slice(0, 32), target: ids[1]! },
  { kind: 'accept', id: handover, shown },
  { kind: 'close', successors: ids },
  { kind: 'inherit', predecessor: ids[2]!, final: filled(10, 1), order: undefined },
  { kind: 'inherit', predecessor: ids[2]!, final: filled(10, 1), order: shown },
]

export const consensusParsers: readonly Parser[] = [
  parser(
    'consensus/raft/wire.ts#decodeMessage',
    () => raftMessages.map(encodeRaft),
    bytes => {
      const message = decodeRaft(bytes)
      return 'ok' in message ? undefined : message
    },
    encodeRaft,
  ),
  parser(
    'consensus/raft/confchange/codec.ts#decodeConfChange',
    () => [
      encodeConfChange({
        ...{ version: 2, transition: 'explicit', context: filled(3, 1) },
        changes: [
          { type: 'add-voter', nodeId: 300 },
          { type: 'remove', nodeId: 1 },
        ],
      }).data,
    ],
    data => decodeConfChange({ term: 1, index: 1, type: 2, data }),
    change => encodeConfChange(change).data,
  ),
  parser(
    'consensus/groups/frame.ts#decodeFrame',
    () => [...encodeFrames(outgoing, maxFrameBytes), encodeLiveness(liveness)],
    bytes => {
      const frame = decodeGroupFrame(bytes, maxFrameBytes)
      return typeof frame === 'string' ? undefined : frame
    },
    rewritten,
  ),
  parser(
    'consensus/finality/message.ts#decodeMessage',
    () => messages.map(encodeMessage),
    decodeMessage,
    encodeMessage,
  ),
  parser(
    'consensus/finality/frame.ts#decodeFrame',
    frames,
    bytes => {
      // Of those in another form the rest is taken: they are counted, and left out.
      const frame = decodeFrame(bytes, 7)
      return frame?.malformed === 0 ? frame : undefined
    },
    rewrittenFrame,
  ),
  parser(
    'consensus/finality/seal.ts#decodeSeal',
    () => [first, second].map(encodeSeal),
    decodeSeal,
    encodeSeal,
  ),
  parser(
    'consensus/finality/certificate.ts#decodeCertificate',
    () => [encodeQuorum(certificate)],
    decodeCertificate,
    encodeQuorum,
  ),
  parser(
    'consensus/finality/certificate.ts#decodeQuorum',
    () => [encodeQuorum(certificate), encodeQuorum({ ...certificate, kind: 1 })],
    decodeQuorum,
    encodeQuorum,
  ),
  parser(
    'consensus/finality/evidence.ts#decodeEvidence',
    () => [encodeEvidence(evidence)],
    decodeEvidence,
    encodeEvidence,
  ),
  parser(
    'consensus/finality/sign-state.ts#decodeSignState',
    () => [
      encodeSignState({
        ...{ epoch: 0, view: 0, base: { view: 0, height: 0, hash: filled(32, 0) }, frozenTo: 2 },
        ...{ vote1: ballot, vote2: undefined, highest: proof, amnesia: { stage: 2, view: 3, ballot } },
      }),
    ],
    decodeSignState,
    encodeSignState,
  ),
  parser(
    'consensus/handover/record.ts#decodeRecord',
    () => handoverRecords.map(encodeRecord),
    decodeRecord,
    encodeRecord,
  ),
  parser(
    'consensus/handover/message.ts#decodeMessage',
    () => [
      encodeWord({ word: 'locked', isTired: true, id: handover, shown }),
      encodeWord({ word: 'released', isTired: false, id: handover, shown: { ...shown, parts: [] } }),
    ],
    decodeWord,
    encodeWord,
  ),
  parser(
    'consensus/handover/inherit.ts#decodeOrder',
    () => [encodeOrder({ height: 2 ** 40, successors: ids })],
    decodeOrder,
    encodeOrder,
  ),
]
