import type { PbfReader, PbfWriter } from 'pbf'

export interface SnapshotRequest {
  group: number
  size: number
  finalSize: number
  kind: number
  first: number
  height: number
}

export interface SnapshotReply {
  code: string
  data: Uint8Array | undefined
  proof: Uint8Array | undefined
  leaf: number
  record: Uint8Array | undefined
}

export function readSnapshotRequest(pbf: PbfReader, end?: number): SnapshotRequest
export function writeSnapshotRequest(request: SnapshotRequest, pbf: PbfWriter): void
export function readSnapshotReply(pbf: PbfReader, end?: number): SnapshotReply
export function writeSnapshotReply(reply: SnapshotReply, pbf: PbfWriter): void
