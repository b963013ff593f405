import { decoded, encoded } from '../../client/protocol/encode.ts'
import { isTarget, type ReadAnswer } from '../authority/reading.ts'
import {
  readReadAnswers,
  readReadRequest,
  type ReadAnswer as WireAnswer,
  type ReadState as WireState,
  writeReadAnswers,
  writeReadRequest,
} from './read.pb.js'
import { answersFrom, isWhole } from './wire-answers.ts'

export const readProtocol = 'read/1'
export const maxReadFrameBytes = 2 * 1024 * 1024
export const maxBatchReads = 1024
const maxEntityBytes = 1024
const maxCodeChars = 64

export interface ReadRequest {
  readonly group: number
  /** The sender's number for the batch; its answers name it. */
  readonly batch: number
  readonly targets: readonly Uint8Array[]
}

export interface ReadAnswers {
  readonly batch: number
  readonly answers: readonly { readonly index: number; readonly answer: ReadAnswer }[]
}

export function encodeReadRequest(request: ReadRequest): Uint8Array {
  return encoded(writeReadRequest, { ...request, targets: request.targets as Uint8Array[] })
}

/** Undefined for what no honest node sends. */
export function decodeReadRequest(frame: Uint8Array): ReadRequest | undefined {
  const request = decoded(frame, readReadRequest, writeReadRequest, 2 + maxBatchReads)
  if (request === undefined) return undefined
  const { group, batch, targets } = request
  const isSane = isWhole(group) && isWhole(batch) && targets.length > 0 && targets.length <= maxBatchReads
  return isSane && targets.every(isTarget) ? request : undefined
}

export function encodeReadAnswers({ batch, answers }: ReadAnswers): Uint8Array {
  return encoded(writeReadAnswers, {
    batch,
    answers: answers.map(({ index, answer }) => toWire(index, answer)),
  })
}

function toWire(index: number, answer: ReadAnswer): WireAnswer {
  const wire = { index, state: undefined, retryAfterMs: 0, code: '', notLeader: false }
  switch (answer.kind) {
    case 'state':
      return { ...wire, state: answer.state }
    case 'busy':
      return { ...wire, retryAfterMs: answer.retryAfterMs }
    case 'refused':
      return { ...wire, code: answer.code }
    case 'not-leader':
      return { ...wire, notLeader: true }
  }
}

/** Undefined for what no honest node sends. */
export function decodeReadAnswers(frame: Uint8Array): ReadAnswers | undefined {
  const read = decoded(frame, readReadAnswers, writeReadAnswers, 1 + maxBatchReads)
  if (read === undefined || !isWhole(read.batch)) return undefined
  const answers = answersFrom(read.answers, fromWire)
  return answers && { batch: read.batch, answers }
}

/** One thing is told and no other. */
function fromWire({ state, retryAfterMs, code, notLeader }: WireAnswer): ReadAnswer | undefined {
  const told = [notLeader, state !== undefined, retryAfterMs !== 0, code !== '']
  if (told.filter(Boolean).length !== 1) return undefined
  if (notLeader) return { kind: 'not-leader', leader: 0 }
  if (state !== undefined) return isState(state) ? { kind: 'state', state } : undefined
  if (retryAfterMs > 0 && isWhole(retryAfterMs)) return { kind: 'busy', retryAfterMs }
  return code.length > 0 && code.length <= maxCodeChars ? { kind: 'refused', code } : undefined
}

function isState({ entity, size, tick }: WireState): boolean {
  return isWhole(size) && isWhole(tick) && (entity === undefined || entity.length <= maxEntityBytes)
}
