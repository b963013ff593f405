import assert from 'node:assert/strict'
import { encoded } from '../../client/protocol/encode.ts'
import type { ClientMessage, ServerMessage } from '../../client/protocol/gateway.pb.js'
import { writeClientMessage, writeServerMessage } from '../../client/protocol/gateway.pb.js'
import {
  formatLinks,
  formatProof,
  openProof,
  parseLinks,
  parseProof,
  type RecordProof,
  type StateProof,
} from '../../client/protocol/proof-file.ts'
import { decodeReceipt, encodeReceipt, type Receipt } from '../../client/protocol/receipt.ts'
import { formatReceiptFile, parseReceiptFile } from '../../client/protocol/receipt-file.ts'
import { decodeReceipts, encodeReceipts, type ReceiptRun } from '../../client/protocol/receipts.ts'
import { decodeServer } from '../../client/sdk/link.ts'
import { encodeQuorum } from '../../consensus/finality/certificate.ts'
import { DEFAULT_LIMITS } from '../../daemon/gateway/limits.ts'
import { parseRequest, type Request } from '../../daemon/gateway/messages.ts'
import { certificate } from './consensus.ts'
import { type Parser, parser, textParser } from './parser.ts'
import { filled, hash32, tlogProofs } from './storage.ts'

const receipt: Receipt = {
  ...{ genesisHash: hash32(1), origin: 'try/area/0000/0', epoch: 1, view: 2, term: 3, count: 300, signer: 4 },
  ...{
    signature: filled(64, 1),
    root: hash32(2),
    leaf: 2 ** 40 + 1,
    header: filled(4, 1),
    salt: filled(16, 2),
  },
  ...{ outcome: filled(22, 3), index: 299, path: [hash32(3), hash32(4)] },
}

const run: ReceiptRun = {
  ...{ epoch: 1, view: 2, term: 3, count: 300, signer: 4, signature: filled(64, 1), header: filled(4, 1) },
  ...{ leaf: 2 ** 40 + 1, index: 7, salts: filled(32, 1), outcomes: [filled(22, 1), filled(30, 2)] },
  proof: filled(64, 5),
}

const open = {
  ...{ version: 2, playerKey: hash32(1), sessionKey: hash32(2), expiresAtMs: 1_700_000_000_000 },
  ...{ playerSignature: filled(64, 1), sessionSignature: filled(64, 2), area: 'area/0000' },
}
const watch = { place: true, area: 'area/0000', xMm: -7, yMm: 2 ** 40, radiusMm: 300, limit: 9 }
const requests: ClientMessage[] = [
  { open },
  { inputs: { bodies: [filled(80, 1), filled(90, 2)] } },
  { watch },
  { watch: { ...watch, place: false, area: '', xMm: 0 } },
  { read: { number: 300, target: filled(16, 1) } },
  { finalAsk: { number: 300, leaves: [0, 7, 2 ** 40], soon: true, epoch: 1 } },
]

const area = {
  ...{ name: 'area/0000', origin: 'try/area/0000/0', group: 1, quadkey: '0000', xMm: -5, yMm: 2 ** 40 },
  ...{ sideMm: 10_000_000, epoch: 1, founders: [1, 2, 300] },
}
const told: ServerMessage[] = [
  {
    challenge: {
      ...{ nonce: hash32(1), gatewayId: '12D3KooW', genesisHash: hash32(2) },
      ...{ versionMin: 1, versionMax: 2, nowMs: 1_700_000_000_000 },
    },
  },
  {
    welcome: {
      ...{
        version: 2,
        network: 'try',
        tickMs: 100,
        areas: [area, { ...area, founders: [] }],
        area: 'area/0000',
      },
      ...{ inputsPerSecond: 50, inputBurst: 100, inputsInFlight: 16, maxBodyBytes: 4096, node: 1 },
      nodes: [{ number: 1, logKey: hash32(3), voteKey: hash32(4) }],
    },
  },
  { answer: { seq: 7, expectedSeq: 0, retryAfterMs: 200, code: 'busy' } },
  {
    view: {
      ...{ area: 0, tick: 300, reset: true, gone: [1, 300], events: [filled(9, 1)] },
      seen: [{ handle: 5, entity: filled(60, 1) }],
    },
  },
  { problem: { code: 'malformed', message: 'What came is malformed.' } },
  { receipts: encodeReceipts(run) },
  {
    readAnswer: {
      ...{ number: 3, retryAfterMs: 0, code: '' },
      state: { entity: filled(60, 1), size: 2 ** 40, tick: 9, byLease: true },
    },
  },
  { readAnswer: { number: 3, state: undefined, retryAfterMs: 5, code: 'busy' } },
  {
    finalAnswer: {
      ...{ number: 3, retryAfterMs: 0, code: '' },
      final: {
        ...{ certificate: filled(300, 1), checkpoint: 'text', hashes: filled(64, 2), proof: filled(96, 3) },
        activations: [filled(300, 4)],
      },
    },
  },
]

function writeRequest(request: Exclude<Request, { kind: 'refused' }>): Uint8Array {
  if (request.kind === 'inputs')
    return encoded(writeClientMessage, { inputs: { bodies: request.bodies as Uint8Array[] } })
  const { kind, ...message } = request
  return encoded(writeClientMessage, message)
}

const chain = {
  ...{ network: 'try', genesisHash: hash32(1), origin: 'try/area/0000/0' },
  ...{ activations: [encodeQuorum(certificate)], certificate: encodeQuorum(certificate) },
}
const path = filled(99, 1)
const proofs: (RecordProof | StateProof)[] = [
  { kind: 'record', ...chain, tlogProof: tlogProofs[0]!, held: undefined, receipt: undefined },
  {
    ...{ kind: 'record', ...chain, tlogProof: tlogProofs[0]!, activations: [] },
    ...{ held: { salt: filled(16, 1), body: filled(80, 1) }, receipt },
  },
  { kind: 'state', ...chain, target: filled(16, 1), value: undefined, path },
  { kind: 'state', ...chain, target: filled(32, 1), value: filled(90, 1), path },
]

function proofText(proof: RecordProof | StateProof): string {
  const opened = openProof(proof)
  assert.ok(opened.ok)
  return formatProof(opened.proof)
}

export const clientParsers: readonly Parser[] = [
  parser(
    'client/protocol/receipt.ts#decodeReceipt',
    () => [encodeReceipt(receipt)],
    decodeReceipt,
    encodeReceipt,
  ),
  parser(
    'client/protocol/receipts.ts#decodeReceipts',
    () => [encodeReceipts(run), encodeReceipts({ ...run, proof: filled(0, 0) })],
    decodeReceipts,
    encodeReceipts,
  ),
  textParser(
    'client/protocol/receipt-file.ts#parseReceiptFile',
    () => [formatReceiptFile({ receipt, body: filled(80, 1) })],
    parseReceiptFile,
    formatReceiptFile,
  ),
  textParser(
    'client/protocol/proof-file.ts#parseProof',
    () => proofs.map(proofText),
    text => {
      const parsed = parseProof(text)
      return parsed.ok ? parsed.proof : undefined
    },
    formatProof,
  ),
  textParser(
    'client/protocol/proof-file.ts#parseLinks',
    () => [formatLinks(chain), formatLinks({ ...chain, activations: [] })],
    parseLinks,
    formatLinks,
  ),
  parser(
    'daemon/gateway/messages.ts#parseRequest',
    () => requests.map(request => encoded(writeClientMessage, request)),
    bytes => {
      const request = parseRequest(bytes, DEFAULT_LIMITS)
      return request.kind === 'refused' ? undefined : request
    },
    writeRequest,
  ),
  parser(
    'client/sdk/link.ts#decodeServer',
    () => told.map(message => encoded(writeServerMessage, message)),
    bytes => decodeServer(bytes.slice().buffer),
    message => encoded(writeServerMessage, message),
  ),
]
