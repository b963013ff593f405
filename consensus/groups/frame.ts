import { PbfReader, PbfWriter } from 'pbf'
import type { RaftInstance } from '../../storage/keys.ts'
import { writeMessage } from '../raft/raft.pb.js'
import type { Message, RefusalCode } from '../raft/types.ts'
import { decodeMessage, messageSize } from '../raft/wire.ts'

/** Something on its way to one peer: a message, or the notice that a snapshot's state could not be had. */
export interface Outgoing {
  readonly instance: RaftInstance
  readonly message: Message | undefined
  readonly snapshotFailed: number
}

export interface GroupMessages extends RaftInstance {
  readonly messages: readonly Message[]
  readonly snapshotFailed: number
}

export type FrameRefusal = 'too-large' | 'undecodable' | 'too-many-messages' | RefusalCode

const MAX_MESSAGES_PER_FRAME = 20_000
/** Bounds of what a group's header, and a message's tag and length, take. */
const GROUP_BYTES = 40
const MESSAGE_HEADER_BYTES = 6

/**
 * The frames for one peer and lane, in order. What follows in the same instance shares its header. Each payload is
 * copied once, into its frame, which is allocated once.
 */
export function encodeFrames(outgoing: readonly Outgoing[], maxFrameBytes: number): Uint8Array[] {
  const frames: Uint8Array[] = []
  let from = 0
  let bytes = 0
  for (let i = 0; i < outgoing.length; i++) {
    const size = sizeBound(outgoing[i]!)
    if (i > from && (bytes + size > maxFrameBytes || i - from >= MAX_MESSAGES_PER_FRAME)) {
      frames.push(encodeFrame(outgoing, from, i, bytes))
      from = i
      bytes = 0
    }
    bytes += size
  }
  if (from < outgoing.length) frames.push(encodeFrame(outgoing, from, outgoing.length, bytes))
  return frames
}

function sizeBound({ message }: Outgoing): number {
  return GROUP_BYTES + (message === undefined ? 0 : MESSAGE_HEADER_BYTES + messageSize(message))
}

interface Run {
  readonly outgoing: readonly Outgoing[]
  readonly from: number
  readonly to: number
}

function encodeFrame(outgoing: readonly Outgoing[], from: number, to: number, bytes: number): Uint8Array {
  const writer = new PbfWriter(Buffer.allocUnsafe(bytes))
  let start = from
  for (let i = from + 1; i <= to; i++) {
    if (i < to && outgoing[i]!.instance === outgoing[start]!.instance) continue
    writer.writeMessage(1, writeRun, { outgoing, from: start, to: i })
    start = i
  }
  return writer.finish()
}

/** Messages of one instance, as GroupMessages of frame.proto. */
function writeRun({ outgoing, from, to }: Run, writer: PbfWriter): void {
  const { group, epoch, view } = outgoing[from]!.instance
  let snapshotFailed = 0
  writer.writeVarintField(1, group)
  if (epoch > 0) writer.writeVarintField(2, epoch)
  if (view > 0) writer.writeVarintField(3, view)
  for (let i = from; i < to; i++) {
    const { message, snapshotFailed: failed } = outgoing[i]!
    if (message !== undefined) writer.writeMessage(4, writeMessage, message)
    if (failed > 0) snapshotFailed = failed
  }
  if (snapshotFailed > 0) writer.writeVarintField(5, snapshotFailed)
}

/**
 * All that a frame holds, by instance, or why it is refused as a whole. Payloads are views of `frame`. Every message
 * is well-formed in itself; whether it makes sense is the core's to judge, and who sent it the host's.
 */
export function decodeFrame(frame: Uint8Array, maxFrameBytes: number): GroupMessages[] | FrameRefusal {
  if (frame.length > maxFrameBytes) return 'too-large'
  try {
    return readGroups(new PbfReader(frame))
  } catch {
    return 'undecodable'
  }
}

interface Counted {
  fields: number
}

/** As the generated reader does it, but with a count: an empty message is 2 bytes on the wire and many in memory. */
function readGroups(pbf: PbfReader): GroupMessages[] | FrameRefusal {
  const groups: GroupMessages[] = []
  const counted: Counted = { fields: 0 }
  for (let field = pbf.nextField(); field !== 0; field = pbf.nextField()) {
    if (field !== 1) return 'undecodable'
    const group = readGroup(pbf, endOfField(pbf, pbf.length), counted)
    if (typeof group === 'string') return group
    groups.push(group)
  }
  return pbf.pos === pbf.length ? groups : 'undecodable'
}

function readGroup(pbf: PbfReader, end: number, counted: Counted): GroupMessages | FrameRefusal {
  const messages: Message[] = []
  const group = { group: 0, epoch: 0, view: 0, messages, snapshotFailed: 0 }
  for (let field = pbf.nextField(end); field !== 0; field = pbf.nextField(end)) {
    if (++counted.fields > 8 * MAX_MESSAGES_PER_FRAME) return 'too-many-messages'
    if (field === 1) group.group = pbf.readVarint()
    else if (field === 2) group.epoch = pbf.readVarint()
    else if (field === 3) group.view = pbf.readVarint()
    else if (field === 5) group.snapshotFailed = pbf.readVarint()
    else if (field === 4) {
      const messageEnd = endOfField(pbf, end)
      const message = decodeMessage(pbf.buf.subarray(pbf.pos, messageEnd))
      if ('ok' in message) return message.code
      messages.push(message)
      pbf.pos = messageEnd
    } else return 'undecodable'
  }
  return pbf.pos === end ? group : 'undecodable'
}

function endOfField(pbf: PbfReader, limit: number): number {
  const end = pbf.readVarint() + pbf.pos
  if (!(end <= limit)) throw new RangeError('a length that passes the end of what holds it')
  return end
}
