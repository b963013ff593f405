import type { PbfReader, PbfWriter } from 'pbf'

/** Bytes that were not there are undefined. Numbers may be past 2^53 and are not checked. */
export interface WireEntry {
  term: number
  index: number
  type: number
  data: Uint8Array | undefined
}

export interface WireConfState {
  voters: readonly number[]
  learners: readonly number[]
  votersOutgoing: readonly number[]
  learnersNext: readonly number[]
  autoLeave: boolean
}

export interface WireSnapshot {
  index: number
  term: number
  confState: WireConfState | undefined
  data: Uint8Array | undefined
}

export interface WireMessage {
  type: number
  to: number
  from: number
  term: number
  logTerm: number
  index: number
  commit: number
  reject: boolean
  rejectHint: number
  context: Uint8Array | undefined
  snapshot: WireSnapshot | undefined
  entries: readonly WireEntry[]
}

export interface WireSingleChange {
  type: number
  nodeId: number
}

export interface WireConfChange {
  transition: number
  changes: readonly WireSingleChange[]
  context: Uint8Array | undefined
}

export function readMessage(pbf: PbfReader, end?: number): WireMessage
export function writeMessage(message: WireMessage, pbf: PbfWriter): void
export function readConfChange(pbf: PbfReader, end?: number): WireConfChange
export function writeConfChange(change: WireConfChange, pbf: PbfWriter): void
