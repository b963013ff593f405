import { PbfReader } from 'pbf'
import { encoded } from '../../client/protocol/encode.ts'
import { type InputBatch, maxBatchInputs, maxInputBytes } from '../authority/batch.ts'
import type { InputAnswer } from '../authority/intake.ts'
import {
  type IntentAnswer,
  readIntentAnswers,
  readIntentRequest,
  writeIntentAnswers,
  writeIntentRequest,
} from './intent.pb.js'

export const intentProtocol = 'intent/1'
export const maxIntentFrameBytes = 2 * 1024 * 1024
const maxReceiptBytes = 16_384

export interface Request {
  readonly group: number
  /** The sender's number for the batch; its answers name it. */
  readonly batch: number
  readonly bodies: readonly Uint8Array[]
  readonly signature: Uint8Array
}

export interface Answers {
  readonly batch: number
  readonly answers: readonly { readonly index: number; readonly answer: InputAnswer }[]
}

export function encodeRequest(request: Request): Uint8Array {
  return encoded(writeIntentRequest, { ...request, bodies: request.bodies as Uint8Array[] })
}

/** Undefined for what no honest node sends. */
export function decodeRequest(frame: Uint8Array): Request | undefined {
  try {
    const request = readIntentRequest(new PbfReader(frame))
    if (!isWhole(request.group) || !isWhole(request.batch)) return undefined
    if (request.bodies.length === 0 || request.bodies.length > maxBatchInputs) return undefined
    if (request.signature?.length !== 64) return undefined
    if (request.bodies.some(body => body.length > maxInputBytes)) return undefined
    return { ...request, signature: request.signature }
  } catch {
    return undefined
  }
}

/** The batch of inputs in a request, as its authority takes it. */
export function inputBatchOf(request: Request, gateway: number): InputBatch {
  return { gateway, bodies: request.bodies, signature: request.signature }
}

export function encodeAnswers(answers: Answers): Uint8Array {
  return encoded(writeIntentAnswers, { batch: answers.batch, answers: answers.answers.map(toWire) })
}

function toWire({ index, answer }: { index: number; answer: InputAnswer }): IntentAnswer {
  const wire = {
    index,
    receipt: undefined,
    expectedSeq: 0,
    retryAfterMs: 0,
    code: '',
    notLeader: false,
    leader: 0,
  }
  switch (answer.kind) {
    case 'committed':
      return { ...wire, receipt: answer.receipt }
    case 'gap':
      return { ...wire, expectedSeq: answer.expectedSeq }
    case 'busy':
      return { ...wire, retryAfterMs: answer.retryAfterMs }
    case 'refused':
      return { ...wire, code: answer.code }
    case 'not-leader':
      return { ...wire, notLeader: true, leader: answer.leader }
  }
}

/** Undefined for what no honest node sends. */
export function decodeAnswers(frame: Uint8Array): Answers | undefined {
  try {
    const { batch, answers } = readIntentAnswers(new PbfReader(frame))
    if (!isWhole(batch) || answers.length > maxBatchInputs) return undefined
    const decoded: { index: number; answer: InputAnswer }[] = []
    for (const wire of answers) {
      const answer = fromWire(wire)
      if (answer === undefined || !isWhole(wire.index)) return undefined
      decoded.push({ index: wire.index, answer })
    }
    return { batch, answers: decoded }
  } catch {
    return undefined
  }
}

function fromWire(wire: IntentAnswer): InputAnswer | undefined {
  if (wire.notLeader) return isWhole(wire.leader) ? { kind: 'not-leader', leader: wire.leader } : undefined
  if (wire.receipt !== undefined) {
    return wire.receipt.length <= maxReceiptBytes ? { kind: 'committed', receipt: wire.receipt } : undefined
  }
  if (wire.expectedSeq > 0 && isWhole(wire.expectedSeq)) return { kind: 'gap', expectedSeq: wire.expectedSeq }
  if (wire.retryAfterMs > 0 && isWhole(wire.retryAfterMs))
    return { kind: 'busy', retryAfterMs: wire.retryAfterMs }
  return wire.code.length > 0 && wire.code.length <= 64 ? { kind: 'refused', code: wire.code } : undefined
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
