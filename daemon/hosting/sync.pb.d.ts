import type { PbfReader, PbfWriter } from 'pbf'

export interface SyncRequest {
  group: number
  from: number
  to: number
}

export interface SyncBatch {
  firstLeaf: number
  index: number
  term: number
  batch: Uint8Array | undefined
  end: boolean
  droppedTo: number
}

export function readSyncRequest(pbf: PbfReader, end?: number): SyncRequest
export function writeSyncRequest(request: SyncRequest, pbf: PbfWriter): void
export function readSyncBatch(pbf: PbfReader, end?: number): SyncBatch
export function writeSyncBatch(batch: SyncBatch, pbf: PbfWriter): void
