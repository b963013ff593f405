import type { PbfReader, PbfWriter } from 'pbf'

export interface WireGroupMessages {
  group: number
  epoch: number
  view: number
  messages: readonly Uint8Array[]
  snapshotFailed: number
}

export interface WireFrame {
  groups: readonly WireGroupMessages[]
}

export function readFrame(pbf: PbfReader, end?: number): WireFrame
export function writeFrame(frame: WireFrame, pbf: PbfWriter): void
