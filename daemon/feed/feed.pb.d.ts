import type { PbfReader, PbfWriter } from 'pbf'

export interface FeedSubscribe {
  group: number
}

export interface FeedFrame {
  tick: number
  leaf: number
  changed: Uint8Array[]
  removed: string[]
  events: Uint8Array[]
  state: number
}

export function readFeedSubscribe(pbf: PbfReader, end?: number): FeedSubscribe
export function writeFeedSubscribe(subscribe: FeedSubscribe, pbf: PbfWriter): void
export function readFeedFrame(pbf: PbfReader, end?: number): FeedFrame
export function writeFeedFrame(frame: FeedFrame, pbf: PbfWriter): void
