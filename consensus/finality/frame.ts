import { type BatchTree, maxBatch, openPart } from './batch-tree.ts'
import { type ByteReader, ByteWriter, parse } from './bytes.ts'
import { decodeMessage, type Message } from './message.ts'
import { hashBytes } from './seal.ts'
import { batchMessage, type Signed, signatureBytes } from './signed.ts'
import { encodeStatement, readStatement, type Statement } from './statement.ts'

/**
 * version u8 ‖ has batch u8 ‖ batch? ‖ messages u32 ‖ (group u32 ‖ length u32 ‖ message) × messages
 * batch = count u32 ‖ part u32 ‖ (index u32 ‖ group u32 ‖ statement) × part ‖ hashes ‖ signature
 *
 * A peer gets the statements of the authorities that it shares, and the hashes that stand for the others.
 */
const version = 1
export const maxFrameMessages = 4096

export interface BatchItem {
  readonly group: number
  readonly statement: Statement
}

/** All that a node has signed in one cycle. */
export interface SignedBatch {
  readonly items: readonly BatchItem[]
  readonly tree: BatchTree
  readonly signature: Uint8Array
}

export interface Addressed {
  readonly group: number
  readonly message: Message
}

export interface Frame {
  readonly batch:
    | {
        /** What was signed. */
        readonly message: Uint8Array
        readonly signature: Uint8Array
        readonly items: readonly { readonly group: number; readonly signed: Signed }[]
      }
    | undefined
  /** Those that are well-formed. */
  readonly messages: readonly Addressed[]
  readonly malformed: number
}

/** @param indexes which items of the batch, ascending */
export function encodeFrame(
  batch: SignedBatch | undefined,
  indexes: readonly number[],
  messages: readonly { readonly group: number; readonly bytes: Uint8Array }[],
): Uint8Array {
  const writer = new ByteWriter().u8(version)
  if (batch === undefined || indexes.length === 0) writer.u8(0)
  else writePart(writer.u8(1), batch, indexes)
  writer.u32(messages.length)
  for (const { group, bytes } of messages) writer.u32(group).u32(bytes.length).bytes(bytes)
  return writer.finish()
}

function writePart(writer: ByteWriter, batch: SignedBatch, indexes: readonly number[]): void {
  writer.u32(batch.items.length).u32(indexes.length)
  for (const index of indexes) {
    const { group, statement } = batch.items[index]!
    writer.u32(index).u32(group).bytes(encodeStatement(statement))
  }
  for (const hash of batch.tree.rest(indexes)) writer.bytes(hash)
  writer.bytes(batch.signature)
}

/** What `signer` sent; undefined when it is no frame. Whether it signed what it says is left to check. */
export function decodeFrame(bytes: Uint8Array, signer: number): Frame | undefined {
  return parse(bytes, reader => {
    reader.require(reader.u8() === version)
    const batch = reader.count(reader.u8(), 1) === 0 ? undefined : readPart(reader, signer)
    const count = reader.count(reader.u32(), maxFrameMessages)
    const messages: Addressed[] = []
    for (let i = 0; i < count; i++) {
      const group = reader.u32()
      const message = decodeMessage(reader.bytes(reader.u32()))
      if (message !== undefined) messages.push({ group, message })
    }
    return { batch, messages, malformed: count - messages.length }
  })
}

function readPart(reader: ByteReader, signer: number): NonNullable<Frame['batch']> {
  const count = reader.count(reader.u32(), maxBatch)
  const part = reader.count(reader.u32(), count)
  reader.require(part > 0)
  const indexes: number[] = []
  const items: BatchItem[] = []
  for (let i = 0; i < part; i++) {
    const index = reader.u32()
    reader.require(index < count && (i === 0 || index > indexes[i - 1]!))
    indexes.push(index)
    items.push({ group: reader.u32(), statement: readStatement(reader) })
  }
  const leaves = items.map(({ statement }) => encodeStatement(statement))
  const { root, paths } = openPart(count, indexes, leaves, () => reader.bytes(hashBytes))
  const signature = reader.bytes(signatureBytes)
  const signed = items.map(({ group, statement }, i) => {
    const by = { signer, index: indexes[i]!, count, path: paths[i]!, signature }
    return { group, signed: { statement, by } }
  })
  return { message: batchMessage(root, count), signature, items: signed }
}
