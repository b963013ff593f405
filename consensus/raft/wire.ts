import { PbfReader, PbfWriter } from 'pbf'
import { isWellFormed } from './confchange/restore.ts'
import { MAX_CONTEXT_BYTES } from './config.ts'
import { varintSize } from './log/sizes.ts'
import { isWireType } from './message-types.ts'
import { readMessage, type WireMessage, type WireSnapshot, writeMessage } from './raft.pb.js'
import {
  type Entry,
  EntryType,
  type Message,
  type MessageType,
  newMessage,
  type Refusal,
  refuse,
  type Snapshot,
} from './types.ts'

/** Longer messages are refused before they are looked at. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
export const MAX_ENTRIES_PER_MESSAGE = 16_384

const ENTRIES_FIELD = 12

/** The bytes of a message to a peer. Local messages have none. */
export function encodeMessage(message: Message): Uint8Array {
  const pbf = new PbfWriter(new Uint8Array(messageSize(message)))
  writeMessage(message, pbf)
  return pbf.finish()
}

/** Bytes that encodeMessage takes. */
export function messageSize(message: WireMessage): number {
  const { context, snapshot } = message
  let size = fieldSize(message.type) + fieldSize(message.to) + fieldSize(message.from)
  size += fieldSize(message.term) + fieldSize(message.logTerm) + fieldSize(message.index)
  size += fieldSize(message.commit) + (message.reject ? 2 : 0) + fieldSize(message.rejectHint)
  if (context !== undefined) size += bytesFieldSize(context.length)
  if (snapshot !== undefined) size += bytesFieldSize(snapshotSize(snapshot))
  for (const { term, index, type, data } of message.entries) {
    const body = fieldSize(term) + fieldSize(index) + fieldSize(type)
    size += bytesFieldSize(data === undefined ? body : body + bytesFieldSize(data.length))
  }
  return size
}

/**
 * A message from a peer, or why it is none. Payloads are views of `bytes`, which must not be written to afterwards.
 * It must be its canonical encoding: what is left over, unknown, cut off, padded or in another order is refused.
 */
export function decodeMessage(bytes: Uint8Array, maxBytes = MAX_MESSAGE_BYTES): Message | Refusal {
  if (bytes.length > maxBytes) return refuse('too-large')
  const wire = readBounded(bytes)
  if (wire === undefined || !isWireType(wire.type)) return refuse('undecodable')
  const { context } = wire
  if (context !== undefined && context.length > MAX_CONTEXT_BYTES) return refuse('bad-context')
  if (!wire.entries.every(isEntry)) return refuse('bad-entries')
  if (wire.snapshot !== undefined && !isSnapshot(wire.snapshot)) return refuse('bad-snapshot')
  // Only now, when all numbers are known to be sane, can the size of the canonical form be told.
  if (!numbersAreSafe(wire) || messageSize(wire) !== bytes.length) return refuse('undecodable')
  const message = toMessage(wire, wire.entries as readonly Entry[], wire.snapshot)
  // As long is not the same: fields may stand in another order, and a flag may be any number that is not 0.
  return Buffer.compare(encodeMessage(message), bytes) === 0 ? message : refuse('undecodable')
}

function readBounded(bytes: Uint8Array): WireMessage | undefined {
  try {
    const pbf = new PbfReader(bytes)
    return fieldsAreFew(pbf) ? readMessage(new PbfReader(bytes)) : undefined
  } catch {
    return undefined
  }
}

/** Counts before any object is made, so that a message of tiny entries cannot fill the memory. */
function fieldsAreFew(pbf: PbfReader): boolean {
  let entries = 0
  let last = 0
  for (let field = pbf.nextField(); field !== 0; field = pbf.nextField()) {
    if (field === ENTRIES_FIELD) entries++
    else if (field <= last) return false
    if (entries > MAX_ENTRIES_PER_MESSAGE) return false
    last = field
    pbf.skip(pbf.type)
  }
  return pbf.pos === pbf.length
}

function isEntry(entry: {
  term: number
  index: number
  type: number
  data: Uint8Array | undefined
}): boolean {
  return (
    Number.isSafeInteger(entry.term) &&
    Number.isSafeInteger(entry.index) &&
    entry.type >= EntryType.Normal &&
    entry.type <= EntryType.ConfChangeV2 &&
    entry.data !== undefined
  )
}

function isSnapshot(snapshot: WireSnapshot): snapshot is Snapshot {
  const { index, term, confState, data } = snapshot
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(term)) return false
  return data !== undefined && confState !== undefined && isWellFormed(confState)
}

function numbersAreSafe(wire: WireMessage): boolean {
  return (
    Number.isSafeInteger(wire.to) &&
    Number.isSafeInteger(wire.from) &&
    Number.isSafeInteger(wire.term) &&
    Number.isSafeInteger(wire.logTerm) &&
    Number.isSafeInteger(wire.index) &&
    Number.isSafeInteger(wire.commit) &&
    Number.isSafeInteger(wire.rejectHint)
  )
}

function toMessage(wire: WireMessage, entries: readonly Entry[], snapshot: Snapshot | undefined): Message {
  const message = newMessage(wire.type as MessageType, wire.to)
  message.from = wire.from
  message.term = wire.term
  message.logTerm = wire.logTerm
  message.index = wire.index
  message.commit = wire.commit
  message.reject = wire.reject
  message.rejectHint = wire.rejectHint
  message.context = wire.context
  message.entries = entries
  message.snapshot = snapshot
  return message
}

function snapshotSize(snapshot: WireSnapshot): number {
  const { index, term, confState, data } = snapshot
  let size = fieldSize(index) + fieldSize(term)
  if (data !== undefined) size += bytesFieldSize(data.length)
  if (confState === undefined) return size
  const { voters, learners, votersOutgoing, learnersNext } = confState
  let body = confState.autoLeave ? 2 : 0
  for (const ids of [voters, learners, votersOutgoing, learnersNext]) {
    let packed = 0
    for (const id of ids) packed += varintSize(id)
    if (packed > 0) body += bytesFieldSize(packed)
  }
  return size + bytesFieldSize(body)
}

/** All field numbers are below 16, so a tag takes one byte. */
function fieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value)
}

function bytesFieldSize(length: number): number {
  return 1 + varintSize(length) + length
}
