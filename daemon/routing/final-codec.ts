import { decoded, encoded } from '../../client/protocol/encode.ts'
import { areLeaves, type FinalAnswer, type FinalAsk, maxAskedLeaves } from '../hosting/final-asks.ts'
import {
  readFinalAnswers,
  readFinalRequest,
  type FinalAnswered as WireAnswer,
  writeFinalAnswers,
  writeFinalRequest,
} from './final.pb.js'
import { answersFrom, isWhole } from './wire-answers.ts'

export const finalProtocol = 'final/1'
export const maxFinalFrameBytes = 2 * 1024 * 1024
export const maxBatchAsks = 8
const hashBytes = 32
/** For so many leaves of the largest log. */
const maxProofBytes = maxAskedLeaves * 53 * hashBytes

export interface FinalRequest {
  readonly group: number
  /** The sender's number for the batch; its answers name it. */
  readonly batch: number
  readonly asks: readonly FinalAsk[]
}

export interface FinalAnswers {
  readonly batch: number
  readonly answers: readonly { readonly index: number; readonly answer: FinalAnswer }[]
}

export function encodeFinalRequest({ group, batch, asks }: FinalRequest): Uint8Array {
  return encoded(writeFinalRequest, {
    ...{ group, batch },
    asks: asks.map(({ leaves, soon, epoch }) => ({ leaves: [...leaves], soon, epoch })),
  })
}

/** Undefined for what no honest node sends. */
export function decodeFinalRequest(frame: Uint8Array): FinalRequest | undefined {
  const request = decoded(frame, readFinalRequest, writeFinalRequest, 2 + maxBatchAsks)
  if (request === undefined) return undefined
  const { group, batch, asks } = request
  const isSane = isWhole(group) && isWhole(batch) && asks.length > 0 && asks.length <= maxBatchAsks
  return isSane && asks.every(({ leaves, epoch }) => areLeaves(leaves) && isWhole(epoch))
    ? request
    : undefined
}

export function encodeFinalAnswers({ batch, answers }: FinalAnswers): Uint8Array {
  return encoded(writeFinalAnswers, {
    batch,
    answers: answers.map(({ index, answer }) => toWire(index, answer)),
  })
}

function toWire(index: number, answer: FinalAnswer): WireAnswer {
  const wire = { index, proof: undefined, retryAfterMs: 0, notYet: false, notLeader: false }
  switch (answer.kind) {
    case 'final':
      return { ...wire, proof: answer.proof }
    case 'busy':
      return { ...wire, retryAfterMs: answer.retryAfterMs }
    case 'not-yet':
      return { ...wire, notYet: true }
    case 'not-leader':
      return { ...wire, notLeader: true }
  }
}

/** Undefined for what no honest node sends. */
export function decodeFinalAnswers(frame: Uint8Array): FinalAnswers | undefined {
  const read = decoded(frame, readFinalAnswers, writeFinalAnswers, 1 + maxBatchAsks)
  if (read === undefined || !isWhole(read.batch) || read.answers.length > maxBatchAsks) return undefined
  const answers = answersFrom(read.answers, fromWire)
  return answers && { batch: read.batch, answers }
}

/** One thing is told and no other. */
function fromWire({ proof: given, retryAfterMs, notYet, notLeader }: WireAnswer): FinalAnswer | undefined {
  const told = [given !== undefined, retryAfterMs !== 0, notYet, notLeader]
  if (told.filter(Boolean).length !== 1) return undefined
  if (notLeader) return { kind: 'not-leader', leader: 0 }
  if (notYet) return { kind: 'not-yet' }
  if (given === undefined) return isWhole(retryAfterMs) ? { kind: 'busy', retryAfterMs } : undefined
  const { certificate, checkpoint, hashes, proof, activations } = given
  if (certificate === undefined || hashes === undefined || proof === undefined) return undefined
  if (hashes.length > maxAskedLeaves * hashBytes || proof.length > maxProofBytes) return undefined
  return { kind: 'final', proof: { certificate, checkpoint, hashes, proof, activations } }
}
