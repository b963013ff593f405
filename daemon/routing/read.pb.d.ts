import type { PbfReader, PbfWriter } from 'pbf'

export interface ReadRequest {
  group: number
  batch: number
  targets: Uint8Array[]
}

export interface ReadState {
  entity: Uint8Array | undefined
  size: number
  tick: number
  byLease: boolean
}

export interface ReadAnswer {
  index: number
  state: ReadState | undefined
  retryAfterMs: number
  code: string
  notLeader: boolean
}

export interface ReadAnswers {
  batch: number
  answers: ReadAnswer[]
}

export function readReadRequest(pbf: PbfReader, end?: number): ReadRequest
export function writeReadRequest(request: ReadRequest, pbf: PbfWriter): void
export function readReadAnswers(pbf: PbfReader, end?: number): ReadAnswers
export function writeReadAnswers(answers: ReadAnswers, pbf: PbfWriter): void
