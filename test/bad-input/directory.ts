import { SetupError } from '../../daemon/config/setup-error.ts'
import {
  decodeAsk,
  decodeSegment,
  encodeAsk,
  encodeHead,
  encodeSegmentBatch,
  nothingNewer,
  type SegmentFrame,
} from '../../daemon/directory/segments.ts'
import { decodeAnswer, decodeFacts, encodeAnswer, encodeFacts } from '../../daemon/joining/admission-codec.ts'
import { formatLink, parseLink } from '../../daemon/joining/link.ts'
import {
  anchorRow,
  authorityRow,
  blockRow,
  loadRow,
  reformingRow,
  tileRow,
} from '../../world/directory/codec/authority-rows.ts'
import { type Command, decodeCommand, encodeCommand } from '../../world/directory/codec/command.ts'
import {
  type DirectoryAction,
  decodeDirectoryInput,
  decodeDirectoryRequest,
  encodeDirectoryInput,
} from '../../world/directory/codec/input.ts'
import {
  headerRow,
  nodeRow,
  nonceRow,
  operatorsRow,
  policyRow,
  presenceRow,
  reportRow,
  rulesRow,
  sessionRow,
} from '../../world/directory/codec/rows.ts'
import { decodeDirectoryTick, encodeDirectoryTick } from '../../world/directory/codec/tick.ts'
import type { RowFormat } from '../../world/directory/table.ts'
import type { AreaFacts, AuthorityRecord, NodeFacts, Policy } from '../../world/directory/types.ts'
import { type Parser, parser, refusing, textParser, unlessCode } from './parser.ts'
import { filled, hash32 } from './storage.ts'

const node: NodeFacts = {
  ...{
    identity: hash32(1),
    operator: 'Ada Lovelace é',
    addresses: ['/ip4/10.0.0.1/tcp/7777', '/dns4/a.example'],
  },
  ...{ vote: hash32(2), cosign: hash32(3), log: hash32(4), endorsement: filled(64, 5) },
}
const policy: Policy = {
  ...{ admission: 'operators', replicas: 5, observers: 2, trustS: 604_800 },
  ...{ seed: 7, resourceCount: 300, npcCount: 40, capacity: 5000 },
}
const operators = [
  { name: 'Ada', key: filled(32, 1) },
  { name: 'Bo', key: filled(32, 2) },
]
const recovery = { keys: [filled(32, 3), filled(32, 4), filled(32, 5)], threshold: 2 }
const commands: Command[] = [
  { kind: 'admit', node },
  { kind: 'ban', number: 300 },
  { kind: 'unban', number: 1 },
  { kind: 'retire', number: 2 },
  { kind: 'set-operators', operators },
  { kind: 'set-recovery', recovery },
  { kind: 'set-policy', policy },
  { kind: 'adopt-rules', version: 2, contentHash: hash32(6) },
]

function encodeSegment(frame: SegmentFrame): Uint8Array {
  if (frame.kind === 'head') return encodeHead(frame)
  return frame.kind === 'batch' ? encodeSegmentBatch(frame.firstLeaf, frame.batch) : nothingNewer
}

const segments: SegmentFrame[] = [
  { kind: 'head', activations: [filled(300, 1), filled(200, 2)], certificate: filled(310, 3) },
  { kind: 'head', activations: [], certificate: filled(310, 3) },
  { kind: 'batch', firstLeaf: 2 ** 40 + 1, batch: filled(90, 4) },
  { kind: 'nothing' },
]
const link = {
  ...{ network: 'sea', genesisHash: 'ab'.repeat(32) },
  nodes: ['/ip4/192.0.2.1/tcp/7777', '/dns4/a.example/tcp/300', '/dnsaddr/example.org'],
}

const resources = { cpu: 1000, memory: 2000, disk: 3000, bandwidth: 2 ** 31 }
const roundTrips = [
  { node: 3, ms: 40 },
  { node: 300, ms: 1000 },
]
const actions: DirectoryAction[] = [
  { kind: 'open' },
  { kind: 'report', facts: { version: '1.2.3', load: resources } },
  {
    kind: 'report',
    facts: {
      ...{ incarnation: 4, capacity: resources, roundTrips, addresses: node.addresses },
      led: [{ group: 5, players: 6, awake: 7, inputs: [8, 9, 10, 11], gateways: [300, 2] }],
    },
  },
  { kind: 'anchor', certificates: [filled(300, 1), filled(7, 2)] },
  { kind: 'admit', node },
  { kind: 'leave' },
  {
    kind: 'command',
    nonce: { number: 7, expiresS: 2 ** 31 },
    command: encodeCommand(commands[1]!),
    signatures: [{ key: filled(32, 1), signature: filled(64, 2) }],
  },
  { kind: 'want', quadkey: '0231' },
  { kind: 'holds', group: 300, epoch: 4, proof: filled(300, 7) },
  { kind: 'holds', group: 300, epoch: 4, proof: undefined },
]
const inputs = actions.map(action => {
  const head = { identity: hash32(1), session: filled(16, 2), seq: 300, log: filled(8, 3) }
  return encodeDirectoryInput({ ...head, action, signature: filled(64, 4) })
})

const area: AreaFacts = {
  ...{ quadkey: '0231', xMm: -(2 ** 40), yMm: 7, sideMm: 10_000_000, spawns: [{ xMm: -5, yMm: 6 }] },
  ...{ seed: 7, resourceCount: 300, npcCount: 40, capacity: 5000 },
}
const order = { number: 2 ** 40, voters: [3, 1], learners: [2], before: [1, 2] }
const authority: AuthorityRecord = {
  ...{ group: 5, kind: 'area' as const, name: 'area/0231', birth: 5, area, epoch: 2, lastEpoch: 5 },
  ...{ members: [{ node: 1, key: hash32(1) }], leading: [1], learners: [300], orders: [order, order] },
  ...{ orderedMs: 2 ** 40, lost: [3] },
}
const outcome = { seq: 7, leaf: 2 ** 40 + 1, tick: 9, code: 'ok', entity: undefined, value: 300 } as const
const anchor = { epoch: 2, view: 3, height: 2 ** 40, hash: hash32(1), size: 2 ** 41, root: hash32(2) }
const counted = { count: 300, root: hash32(3) }

function row<Id extends string | number, Row>(
  name: string,
  format: RowFormat<Id, Row>,
  ...rows: NoInfer<Row>[]
): Parser {
  return parser(`world/directory/codec/${name}`, () => rows.map(format.encode), format.decode, format.encode)
}

export const directoryParsers: readonly Parser[] = [
  parser(
    'world/directory/codec/input.ts#decodeDirectoryInput',
    () => inputs,
    bytes => unlessCode(decodeDirectoryInput(bytes)),
    encodeDirectoryInput,
  ),
  parser(
    'world/directory/codec/input.ts#decodeDirectoryRequest',
    () => inputs,
    bytes => unlessCode(decodeDirectoryRequest(bytes)),
    'it is the part of decodeDirectoryInput that needs no copies',
  ),
  parser(
    'world/directory/codec/command.ts#decodeCommand',
    () => commands.map(encodeCommand),
    decodeCommand,
    encodeCommand,
  ),
  parser(
    'world/directory/codec/tick.ts#decodeDirectoryTick',
    () => {
      const renewals = [3, 300].map(node => ({ node, nonce: filled(8, node) }))
      return [encodeDirectoryTick({ tick: 7, timeMs: 2 ** 40 + 1, renewals })]
    },
    decodeDirectoryTick,
    encodeDirectoryTick,
  ),
  row('rows.ts#headerRow', headerRow, {
    ...{ rulesVersion: 1, tick: 2 ** 40 + 1, timeMs: 3, passedMs: 4, resumedMs: 2, blockMs: 5 },
    ...{ nextNode: 6, nextGroup: 7, nextOrder: 8 },
  }),
  row('rows.ts#policyRow', policyRow, policy),
  row('rows.ts#operatorsRow', operatorsRow, { operators, recovery }),
  row('rows.ts#rulesRow', rulesRow, { version: 2, contentHash: hash32(6), sinceLeaf: 2 ** 40 }),
  row('rows.ts#nodeRow', nodeRow, { number: 300, status: 'leaving', isVouched: false, sponsor: 7, ...node }),
  row('rows.ts#presenceRow', presenceRow, {
    ...{
      isHeard: true,
      renewedMs: 2 ** 40,
      nonce: filled(8, 1),
      sinceMs: 2,
      movedMs: 3,
      knownMs: 4,
      leasedMs: 5,
    },
    ...{
      expectedBlocks: 6,
      signedBlocks: 7,
      invalidProposals: 8,
      idleInputs: 9,
      isExpected: true,
      hasSigned: false,
    },
  }),
  row('rows.ts#reportRow', reportRow, {
    ...{
      reportedMs: 2 ** 40,
      version: '1.2.3',
      incarnation: 4,
      capacity: resources,
      load: resources,
      roundTrips,
    },
  }),
  row('rows.ts#sessionRow', sessionRow, { session: filled(16, 1), lastSeq: 7, outcomes: [outcome, outcome] }),
  row('rows.ts#nonceRow', nonceRow, { number: 7, expiresS: 2 ** 31 }),
  row('authority-rows.ts#authorityRow', authorityRow, authority, {
    ...authority,
    area: undefined,
    lost: undefined,
  }),
  row('authority-rows.ts#anchorRow', anchorRow, { anchor, blockSize: 2 ** 40 }),
  row('authority-rows.ts#loadRow', loadRow, {
    ...{
      node: 7,
      reportedMs: 2 ** 40,
      players: 300,
      awake: 200,
      inputs: [1, 2, 3, 4] as const,
      gateways: [],
    },
  }),
  row('authority-rows.ts#tileRow', tileRow, 300),
  row(
    'authority-rows.ts#reformingRow',
    reformingRow,
    {
      ...{ group: 300, phase: 'begun', epoch: 9, sinceMs: 2 ** 40, asked: [1, 3, 300] },
      answers: [
        { node: 1, held: anchor },
        { node: 300, held: undefined },
      ],
      ...{ voting: { epoch: 7, members: authority.members }, base: anchor },
    },
    {
      ...{ group: 5, phase: 'asking', epoch: 2, sinceMs: 0, asked: [], answers: [] },
      ...{ voting: { epoch: 1, members: [] }, base: undefined },
    },
  ),
  row('authority-rows.ts#blockRow', blockRow, {
    ...{ number: 2 ** 40, previous: hash32(1), tick: 2, timeMs: 2 ** 41, certificates: counted, records: 7 },
    ...{ playerActions: counted, npcDecisions: counted, structureChanges: counted },
  }),
  parser(
    'daemon/directory/segments.ts#decodeAsk',
    () => [encodeAsk({ size: 2 ** 40 + 1, epoch: 300 })],
    decodeAsk,
    encodeAsk,
  ),
  parser(
    'daemon/directory/segments.ts#decodeSegment',
    () => segments.map(encodeSegment),
    decodeSegment,
    encodeSegment,
  ),
  parser(
    'daemon/joining/admission-codec.ts#decodeFacts',
    () => [encodeFacts(node)],
    decodeFacts,
    encodeFacts,
  ),
  parser(
    'daemon/joining/admission-codec.ts#decodeAnswer',
    () => ['ok', 'not-admitted'].map(encodeAnswer),
    decodeAnswer,
    encodeAnswer,
  ),
  textParser(
    'daemon/joining/link.ts#parseLink',
    () => [formatLink(link)],
    text =>
      refusing(
        error => error instanceof SetupError,
        () => parseLink(text),
      ),
    formatLink,
  ),
]
