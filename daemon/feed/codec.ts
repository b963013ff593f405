import { decoded, encoded } from '../../client/protocol/encode.ts'
import {
  type FeedFrame,
  readFeedFrame,
  readFeedSubscribe,
  writeFeedFrame,
  writeFeedSubscribe,
} from './feed.pb.js'

export const feedProtocol = 'feed/1'
export const maxFeedFrameBytes = 2 * 1024 * 1024
/** What is told of an entity takes some 30 bytes at least: its id. */
const maxFields = maxFeedFrameBytes / 32

/** What a frame is part of. */
export const framePart = { delta: 0, state: 1, lastState: 2, notHere: 3 } as const

export type { FeedFrame }

export function encodeSubscribe(group: number): Uint8Array {
  return encoded(writeFeedSubscribe, { group })
}

export function decodeSubscribe(frame: Uint8Array): number | undefined {
  const group = decoded(frame, readFeedSubscribe, writeFeedSubscribe, 1)?.group
  return Number.isSafeInteger(group) && group! > 0 ? group : undefined
}

export function encodeFrame(frame: FeedFrame): Uint8Array {
  return encoded(writeFeedFrame, frame)
}

/** Undefined for what no honest node sends; whether the entities in it are well-formed is the gateway's to check. */
export function decodeFrame(bytes: Uint8Array): FeedFrame | undefined {
  const frame = decoded(bytes, readFeedFrame, writeFeedFrame, maxFields)
  if (frame === undefined) return undefined
  const whole = Number.isSafeInteger(frame.tick) && Number.isSafeInteger(frame.leaf)
  return whole && frame.state <= framePart.notHere ? frame : undefined
}
