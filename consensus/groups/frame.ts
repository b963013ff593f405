import { PbfReader, PbfWriter } from 'pbf'
import type { RaftInstance } from '../../storage/keys.ts'
import { writeMessage } from '../raft/raft.pb.js'
import type { Message, RefusalCode } from '../raft/types.ts'
import { decodeMessage, messageSize } from '../raft/wire.ts'
import { FieldReader } from './field-reader.ts'
import { readLiveness, readRejoinAnswer, writeFrame, writeLiveness, writeRejoinAnswer } from './frame.pb.js'
import type { LivenessMessage } from './liveness/message.ts'

/** What one host says to another about a group, beside the core's messages; see frame.proto. */
export interface Notes {
  readonly snapshotFailed?: number
  readonly sleepTerm?: number
  readonly sleepIndex?: number
  readonly wake?: boolean
  readonly support?: number
  readonly removedAt?: number
  readonly rejoinAsk?: number
  readonly rejoinAnswer?: RejoinAnswer | undefined
  readonly committedIndex?: number
  readonly committedTerm?: number
}

/** Where a voter is, durably, to one whose disk was lost. */
export interface RejoinAnswer {
  /** Of the question. */
  readonly nonce: number
  readonly term: number
  /** Of its log if it leads in that term, else 0. */
  readonly lastIndex: number
  readonly applied: number
  /** As of `applied`. */
  readonly voters: readonly number[]
  readonly votersOutgoing: readonly number[]
  /** Its own disk was lost, and it does not vote yet: the rest says little. */
  readonly wiped: boolean
}

/** Something on its way to one peer: a message, notes, or both. */
export interface Outgoing extends Notes {
  readonly instance: RaftInstance
  readonly message: Message | undefined
}

export interface GroupMessages extends RaftInstance, Required<Notes> {
  readonly messages: readonly Message[]
}

export interface Frame {
  readonly groups: readonly GroupMessages[]
  readonly liveness: LivenessMessage | undefined
}

export type FrameRefusal = 'too-large' | 'undecodable' | 'too-many-messages' | RefusalCode

const MAX_MESSAGES_PER_FRAME = 20_000
/** Bounds of what a group's header, and a message's tag and length, take. */
const GROUP_BYTES = 106
const MESSAGE_HEADER_BYTES = 6
/** Room for the numbers of some hundred nodes that a node supports. */
const MAX_LIVENESS_BYTES = 4096
const MAX_ANSWER_BYTES = 1024

type Writable<T> = { -readonly [K in keyof T]: T[K] }

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

function sizeBound({ message, rejoinAnswer }: Outgoing): number {
  const answerBytes = rejoinAnswer === undefined ? 0 : MAX_ANSWER_BYTES
  return GROUP_BYTES + answerBytes + (message === undefined ? 0 : MESSAGE_HEADER_BYTES + messageSize(message))
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

/** Messages of one instance, as GroupMessages of frame.proto. The last of notes of one kind is the one that counts. */
function writeRun({ outgoing, from, to }: Run, writer: PbfWriter): void {
  const { group, epoch, view } = outgoing[from]!.instance
  writer.writeVarintField(1, group)
  if (epoch > 0) writer.writeVarintField(2, epoch)
  if (view > 0) writer.writeVarintField(3, view)
  const notes = {
    snapshotFailed: 0,
    sleepTerm: 0,
    sleepIndex: 0,
    wake: false,
    support: 0,
    removedAt: 0,
    rejoinAsk: 0,
    committedIndex: 0,
    committedTerm: 0,
  }
  let answer: RejoinAnswer | undefined
  for (let i = from; i < to; i++) {
    const { message, snapshotFailed, sleepTerm, sleepIndex, wake, support, removedAt, ...more } = outgoing[i]!
    if (message !== undefined) writer.writeMessage(4, writeMessage, message)
    if (snapshotFailed) notes.snapshotFailed = snapshotFailed
    if (sleepTerm) notes.sleepTerm = sleepTerm
    if (sleepIndex) notes.sleepIndex = sleepIndex
    if (wake) notes.wake = true
    if (support) notes.support = support
    if (removedAt) notes.removedAt = removedAt
    if (more.rejoinAsk) notes.rejoinAsk = more.rejoinAsk
    if (more.rejoinAnswer) answer = more.rejoinAnswer
    if (more.committedIndex) notes.committedIndex = more.committedIndex
    if (more.committedTerm) notes.committedTerm = more.committedTerm
  }
  if (notes.snapshotFailed > 0) writer.writeVarintField(5, notes.snapshotFailed)
  if (notes.sleepTerm > 0) writer.writeVarintField(6, notes.sleepTerm)
  if (notes.sleepIndex > 0) writer.writeVarintField(7, notes.sleepIndex)
  if (notes.wake) writer.writeBooleanField(8, true)
  if (notes.support > 0) writer.writeVarintField(9, notes.support)
  if (notes.removedAt > 0) writer.writeVarintField(10, notes.removedAt)
  if (notes.rejoinAsk > 0) writer.writeVarintField(11, notes.rejoinAsk)
  if (answer !== undefined) writer.writeMessage(12, writeRejoinAnswer, answer)
  if (notes.committedIndex > 0) writer.writeVarintField(13, notes.committedIndex)
  if (notes.committedTerm > 0) writer.writeVarintField(14, notes.committedTerm)
}

/** A frame of its own: it goes to every peer all the time, and carries no group. */
export function encodeLiveness(liveness: LivenessMessage): Uint8Array {
  const writer = new PbfWriter()
  writeFrame({ liveness }, writer)
  return writer.finish()
}

/**
 * All that a frame holds, by instance, or why it is refused as a whole. Payloads are views of `frame`. Every message
 * is well-formed in itself and in its one form; whether it makes sense is the core's to judge, and who sent it the host's.
 */
export function decodeFrame(frame: Uint8Array, maxFrameBytes: number): Frame | FrameRefusal {
  if (frame.length > maxFrameBytes) return 'too-large'
  try {
    return readAll(new FieldReader(frame, GROUPS_FIELD))
  } catch {
    return 'undecodable'
  }
}

const GROUPS_FIELD = 1
const MESSAGES_FIELD = 4

interface Counted {
  fields: number
}

/** As the generated reader does it, but with a count: an empty message is 2 bytes on the wire and many in memory. */
function readAll(reader: FieldReader): Frame | FrameRefusal {
  const groups: GroupMessages[] = []
  const counted: Counted = { fields: 0 }
  let liveness: LivenessMessage | undefined
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const bytes = reader.bytes()
    if (field === GROUPS_FIELD) {
      const group = readGroup(new FieldReader(bytes, MESSAGES_FIELD), counted)
      if (typeof group === 'string') return group
      groups.push(group)
    } else if (field === 2) {
      if (bytes.length > MAX_LIVENESS_BYTES) return 'too-large'
      liveness = readOneForm(bytes, readLiveness, writeLiveness)
    } else return 'undecodable'
  }
  return { groups, liveness }
}

function readGroup(reader: FieldReader, counted: Counted): GroupMessages | FrameRefusal {
  const messages: Message[] = []
  const group: Writable<GroupMessages> = {
    group: 0,
    epoch: 0,
    view: 0,
    messages,
    snapshotFailed: 0,
    sleepTerm: 0,
    sleepIndex: 0,
    wake: false,
    support: 0,
    removedAt: 0,
    rejoinAsk: 0,
    rejoinAnswer: undefined,
    committedIndex: 0,
    committedTerm: 0,
  }
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (++counted.fields > 8 * MAX_MESSAGES_PER_FRAME) return 'too-many-messages'
    if (field === MESSAGES_FIELD) {
      const message = decodeMessage(reader.bytes())
      if ('ok' in message) return message.code
      messages.push(message)
    } else if (field === 1) group.group = reader.count()
    else if (field === 2) group.epoch = reader.count()
    else if (field === 3) group.view = reader.count()
    else if (field === 5) group.snapshotFailed = reader.count()
    else if (field === 6) group.sleepTerm = reader.count()
    else if (field === 7) group.sleepIndex = reader.count()
    else if (field === 8 && reader.count() === 1) group.wake = true
    else if (field === 9) group.support = reader.count()
    else if (field === 10) group.removedAt = reader.count()
    else if (field === 11) group.rejoinAsk = reader.count()
    else if (field === 13) group.committedIndex = reader.count()
    else if (field === 14) group.committedTerm = reader.count()
    else if (field === 12) {
      const bytes = reader.bytes()
      if (bytes.length > MAX_ANSWER_BYTES) return 'too-large'
      group.rejoinAnswer = readOneForm(bytes, readRejoinAnswer, writeRejoinAnswer)
    } else return 'undecodable'
  }
  return group.group > 0 ? group : 'undecodable'
}

function readOneForm<T>(
  bytes: Uint8Array,
  read: (pbf: PbfReader) => T,
  write: (value: T, pbf: PbfWriter) => void,
): T {
  const value = read(new PbfReader(bytes))
  const writer = new PbfWriter()
  write(value, writer)
  if (Buffer.compare(writer.finish(), bytes) !== 0) throw new RangeError('not the one form of a message')
  return value
}
