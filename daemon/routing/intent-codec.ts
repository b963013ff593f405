import { decoded, encoded } from '../../client/protocol/encode.ts'
import { MAX_RUN, MAX_RUN_BYTES } from '../../client/protocol/receipts.ts'
import { type InputBatch, maxBatchInputs, maxInputBytes } from '../authority/batch.ts'
import type { InputAnswer } from '../authority/intake.ts'
import {
  type IntentAnswer,
  readIntentAnswers,
  readIntentRequest,
  writeIntentAnswers,
  writeIntentRequest,
} from './intent.pb.js'
import { isWhole } from './wire-answers.ts'

export const intentProtocol = 'intent/2'
export const maxIntentFrameBytes = 2 * 1024 * 1024

export interface Request {
  readonly group: number
  /** The sender's number for the batch; its answers name it. */
  readonly batch: number
  readonly bodies: readonly Uint8Array[]
  readonly signature: Uint8Array
}

export interface Answers {
  readonly batch: number
  readonly answers: readonly IndexedAnswer[]
}

/** What became of `count` inputs of a batch from `index` on; more than one only where they were committed. */
export interface IndexedAnswer {
  readonly index: number
  readonly count: number
  readonly answer: InputAnswer
}

export function encodeRequest(request: Request): Uint8Array {
  return encoded(writeIntentRequest, { ...request, bodies: request.bodies as Uint8Array[] })
}

/** Undefined for what no honest node sends. */
export function decodeRequest(frame: Uint8Array): Request | undefined {
  const request = decoded(frame, readIntentRequest, writeIntentRequest, 3 + maxBatchInputs)
  if (request === undefined || !isWhole(request.group) || !isWhole(request.batch)) return undefined
  if (request.bodies.length === 0 || request.bodies.length > maxBatchInputs) return undefined
  if (request.signature?.length !== 64) return undefined
  if (request.bodies.some(body => body.length > maxInputBytes)) return undefined
  return { ...request, signature: request.signature }
}

/** The batch of inputs in a request, as its authority takes it. */
export function inputBatchOf(request: Request, gateway: number): InputBatch {
  return { gateway, bodies: request.bodies, signature: request.signature }
}

export function encodeAnswers(answers: Answers): Uint8Array {
  return encoded(writeIntentAnswers, { batch: answers.batch, answers: answers.answers.flatMap(toWire) })
}

function toWire({ index, count, answer }: IndexedAnswer): IntentAnswer[] {
  if (answer.kind === 'committed') return [{ ...noAnswer, index, count, receipts: answer.receipts }]
  return Array.from({ length: count }, (_, i) => refusalToWire(index + i, answer))
}

const noAnswer: IntentAnswer = {
  index: 0,
  count: 0,
  receipts: undefined,
  expectedSeq: 0,
  retryAfterMs: 0,
  code: '',
  notLeader: false,
  leader: 0,
  movedTo: undefined,
}

function refusalToWire(index: number, answer: Exclude<InputAnswer, { kind: 'committed' }>): IntentAnswer {
  const wire = { ...noAnswer, index }
  switch (answer.kind) {
    case 'gap':
      return { ...wire, expectedSeq: answer.expectedSeq }
    case 'busy':
      return { ...wire, retryAfterMs: answer.retryAfterMs }
    case 'refused':
      return { ...wire, code: answer.code }
    case 'moved':
      return { ...wire, movedTo: new Uint8Array(Buffer.from(answer.to, 'hex')) }
    case 'not-leader':
      return { ...wire, notLeader: true, leader: answer.leader }
  }
}

/** Undefined for what no honest node sends. */
export function decodeAnswers(frame: Uint8Array): Answers | undefined {
  const read = decoded(frame, readIntentAnswers, writeIntentAnswers, 1 + maxBatchInputs)
  if (read === undefined || !isWhole(read.batch)) return undefined
  const answers: IndexedAnswer[] = []
  for (const wire of read.answers) {
    const answer = fromWire(wire)
    const count = answer?.kind === 'committed' ? wire.count : 1
    if (answer === undefined || !isWhole(wire.index) || !(count >= 1 && count <= MAX_RUN)) return undefined
    answers.push({ index: wire.index, count, answer })
  }
  return { batch: read.batch, answers }
}

/** One thing is told and no other. */
function fromWire(wire: IntentAnswer): InputAnswer | undefined {
  const { receipts, expectedSeq, retryAfterMs, code, notLeader, count, leader, movedTo } = wire
  const told = [
    ...[receipts !== undefined, expectedSeq !== 0, retryAfterMs !== 0, code !== '', notLeader],
    movedTo !== undefined,
  ]
  if (told.filter(Boolean).length !== 1) return undefined
  if ((count !== 0 && receipts === undefined) || (leader !== 0 && !notLeader)) return undefined
  if (wire.notLeader) return isWhole(wire.leader) ? { kind: 'not-leader', leader: wire.leader } : undefined
  if (movedTo !== undefined)
    return movedTo.length === 32 ? { kind: 'moved', to: Buffer.from(movedTo).toString('hex') } : undefined
  if (wire.receipts !== undefined) {
    const fits = wire.receipts.length > 0 && wire.receipts.length <= MAX_RUN_BYTES
    return fits ? { kind: 'committed', receipts: wire.receipts } : undefined
  }
  if (wire.expectedSeq > 0 && isWhole(wire.expectedSeq)) return { kind: 'gap', expectedSeq: wire.expectedSeq }
  if (wire.retryAfterMs > 0 && isWhole(wire.retryAfterMs))
    return { kind: 'busy', retryAfterMs: wire.retryAfterMs }
  return wire.code.length > 0 && wire.code.length <= 64 ? { kind: 'refused', code: wire.code } : undefined
}
