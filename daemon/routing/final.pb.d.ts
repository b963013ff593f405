import type { PbfReader, PbfWriter } from 'pbf'

export interface FinalAsked {
  leaves: number[]
  soon: boolean
  epoch: number
}

export interface FinalRequest {
  group: number
  batch: number
  asks: FinalAsked[]
}

export interface FinalProof {
  certificate: Uint8Array | undefined
  checkpoint: string
  hashes: Uint8Array | undefined
  proof: Uint8Array | undefined
  activations: readonly Uint8Array[]
}

export interface FinalAnswered {
  index: number
  proof: FinalProof | undefined
  retryAfterMs: number
  notYet: boolean
  notLeader: boolean
}

export interface FinalAnswers {
  batch: number
  answers: FinalAnswered[]
}

export function readFinalRequest(pbf: PbfReader, end?: number): FinalRequest
export function writeFinalRequest(request: FinalRequest, pbf: PbfWriter): void
export function readFinalAnswers(pbf: PbfReader, end?: number): FinalAnswers
export function writeFinalAnswers(answers: FinalAnswers, pbf: PbfWriter): void
