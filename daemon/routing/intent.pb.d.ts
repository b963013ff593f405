import type { PbfReader, PbfWriter } from 'pbf'

export interface IntentRequest {
  group: number
  batch: number
  bodies: Uint8Array[]
  signature: Uint8Array | undefined
}

export interface IntentAnswer {
  index: number
  receipts: Uint8Array | undefined
  expectedSeq: number
  retryAfterMs: number
  code: string
  notLeader: boolean
  leader: number
  count: number
  movedTo: Uint8Array | undefined
}

export interface IntentAnswers {
  batch: number
  answers: IntentAnswer[]
}

export function readIntentRequest(pbf: PbfReader, end?: number): IntentRequest
export function writeIntentRequest(request: IntentRequest, pbf: PbfWriter): void
export function readIntentAnswers(pbf: PbfReader, end?: number): IntentAnswers
export function writeIntentAnswers(answers: IntentAnswers, pbf: PbfWriter): void
