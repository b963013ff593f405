import type { PbfReader, PbfWriter } from 'pbf'

export interface ClientMessage {
  kind?: 'open' | 'inputs' | 'watch' | 'read' | 'finalAsk' | undefined
  open?: Open | undefined
  inputs?: Inputs | undefined
  watch?: Watch | undefined
  read?: Read | undefined
  finalAsk?: FinalAsk | undefined
}
export interface Open {
  version: number
  playerKey: Uint8Array | undefined
  sessionKey: Uint8Array | undefined
  expiresAtMs: number
  playerSignature: Uint8Array | undefined
  sessionSignature: Uint8Array | undefined
  area: string
}
export interface Inputs {
  bodies: Uint8Array[]
}
export interface Watch {
  place: boolean
  area: string
  xMm: number
  yMm: number
  radiusMm: number
  limit: number
}
export interface Read {
  number: number
  target: Uint8Array | undefined
}
export interface FinalAsk {
  number: number
  leaves: number[]
  soon: boolean
  epoch: number
  area?: number
}
export interface ServerMessage {
  kind?:
    | 'challenge'
    | 'welcome'
    | 'answer'
    | 'view'
    | 'problem'
    | 'receipts'
    | 'readAnswer'
    | 'finalAnswer'
    | 'moved'
    | undefined
  challenge?: Challenge | undefined
  welcome?: Welcome | undefined
  answer?: Answer | undefined
  view?: View | undefined
  problem?: Problem | undefined
  receipts?: Uint8Array | undefined
  readAnswer?: ReadAnswer | undefined
  finalAnswer?: FinalAnswer | undefined
  moved?: Moved | undefined
}
export interface Challenge {
  nonce: Uint8Array | undefined
  gatewayId: string
  genesisHash: Uint8Array | undefined
  versionMin: number
  versionMax: number
  nowMs: number
}
export interface Welcome {
  version: number
  network: string
  tickMs: number
  areas: Area[]
  area: string
  inputsPerSecond: number
  inputBurst: number
  inputsInFlight: number
  maxBodyBytes: number
  node: number
  nodes: Signer[]
}
export interface Area {
  name: string
  origin: string
  group: number
  quadkey: string
  xMm: number
  yMm: number
  sideMm: number
  epoch: number
  founders: number[]
}
export interface Signer {
  number: number
  logKey: Uint8Array | undefined
  voteKey: Uint8Array | undefined
}
export interface Answer {
  seq: number
  expectedSeq?: number
  retryAfterMs?: number
  code?: string
}
export interface ReadAnswer {
  number: number
  state?: State | undefined
  retryAfterMs?: number
  code?: string
}
export interface State {
  entity: Uint8Array | undefined
  size: number
  tick: number
  byLease: boolean
}
export interface FinalAnswer {
  number: number
  final?: Final | undefined
  retryAfterMs?: number
  code?: string
}
export interface Final {
  certificate: Uint8Array | undefined
  checkpoint: string
  hashes: Uint8Array | undefined
  proof: Uint8Array | undefined
  activations: readonly Uint8Array[]
}
export interface Moved {
  area: number
}
export interface View {
  area: number
  tick: number
  reset: boolean
  seen: Seen[]
  gone: number[]
  events: Uint8Array[]
}
export interface Seen {
  handle: number
  entity: Uint8Array | undefined
}
export interface Problem {
  code: string
  message: string
}

export function readClientMessage(pbf: PbfReader, end?: number): ClientMessage
export function writeClientMessage(message: ClientMessage, pbf: PbfWriter): void
export function readServerMessage(pbf: PbfReader, end?: number): ServerMessage
export function writeServerMessage(message: ServerMessage, pbf: PbfWriter): void
