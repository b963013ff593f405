import type { PbfReader, PbfWriter } from 'pbf'

export interface WireLiveness {
  incarnation: number
  sentUs: number
  supportMs: number
  forIncarnation: number
  echoUs: number
  heldUs: number
  grantedMs: number
  epoch: number
  supports: readonly number[]
}

export interface WireRejoinAnswer {
  nonce: number
  term: number
  lastIndex: number
  applied: number
  voters: readonly number[]
  votersOutgoing: readonly number[]
  wiped: boolean
}

export interface WireGroupMessages {
  group: number
  epoch: number
  view: number
  messages: readonly Uint8Array[]
  snapshotFailed: number
  sleepTerm: number
  sleepIndex: number
  wake: boolean
  support: number
  removedAt: number
  rejoinAsk: number
  rejoinAnswer: WireRejoinAnswer | undefined
  committedIndex: number
  committedTerm: number
}

export interface WireFrame {
  groups: readonly WireGroupMessages[]
  liveness: WireLiveness | undefined
}

export function readFrame(pbf: PbfReader, end?: number): WireFrame
export function writeFrame(frame: Partial<WireFrame>, pbf: PbfWriter): void
export function readLiveness(pbf: PbfReader, end?: number): WireLiveness
export function writeLiveness(liveness: WireLiveness, pbf: PbfWriter): void
export function readRejoinAnswer(pbf: PbfReader, end?: number): WireRejoinAnswer
export function writeRejoinAnswer(answer: WireRejoinAnswer, pbf: PbfWriter): void
