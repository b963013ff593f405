import { type ByteReader, ByteWriter, parse } from '../finality/bytes.ts'
import {
  type Authority,
  type Entity,
  type HandoverId,
  readAuthority,
  readEntity,
  readId,
  writeAuthority,
  writeEntity,
  writeId,
} from './id.ts'
import { maxFinalBytes } from './limits.ts'
import { readShown, type Shown, writeShown } from './shown.ts'
import { readSuccessors, writeSuccessors } from './state.ts'

/** At the source: the entity stands still from here on. */
export interface LockRecord {
  readonly kind: 'lock'
  readonly entity: Entity
  readonly target: Authority
}

/**
 * With another authority's final word. At the target: `accept` or `refuse` on a lock, `forget` on a release. At the source:
 * `release` on an accept, `unlock` on a decline, `settle` on a decline of what it has released.
 */
export interface WordRecord {
  readonly kind: 'accept' | 'refuse' | 'release' | 'unlock' | 'forget' | 'settle'
  readonly id: HandoverId
  readonly shown: Shown
}

/** The last record of an authority that counts: split, merge. What it had not accepted is refused. */
export interface CloseRecord {
  readonly kind: 'close'
  readonly successors: readonly Authority[]
}

/** A successor's first: all that a predecessor left. Its entries go beside the record; the certificate has their root. */
export interface InheritRecord {
  readonly kind: 'inherit'
  readonly predecessor: Authority
  /** Of the seal that covers its close; or, with an order, of its highest final seal. */
  readonly final: Uint8Array
  /** The directory's, by which one ends that is dark for good. */
  readonly order: Shown | undefined
}

export type HandoverRecord = LockRecord | WordRecord | CloseRecord | InheritRecord

const codes = {
  ...{ lock: 1, accept: 2, refuse: 3, release: 4, unlock: 5, forget: 6, settle: 7 },
  ...{ close: 8, inherit: 9 },
} as const
const words = ['accept', 'refuse', 'release', 'unlock', 'forget', 'settle'] as const

/** The body of a handover record in the log. */
export function encodeRecord(record: HandoverRecord): Uint8Array {
  const writer = new ByteWriter().u8(codes[record.kind])
  switch (record.kind) {
    case 'lock':
      writeEntity(writer, record.entity)
      writeAuthority(writer, record.target)
      break
    case 'close':
      writeSuccessors(writer, record.successors)
      break
    case 'inherit':
      writeAuthority(writer, record.predecessor)
      writer.u16(record.final.length).bytes(record.final)
      writer.u8(record.order === undefined ? 0 : 1)
      if (record.order !== undefined) writeShown(writer, record.order)
      break
    default:
      writeId(writer, record.id)
      writeShown(writer, record.shown)
  }
  return writer.finish()
}

/** Undefined unless the bytes are exactly one record. */
export function decodeRecord(bytes: Uint8Array): HandoverRecord | undefined {
  return parse(bytes, readRecord)
}

function readRecord(reader: ByteReader): HandoverRecord {
  const code = reader.u8()
  if (code === codes.lock) return { kind: 'lock', entity: readEntity(reader), target: readAuthority(reader) }
  if (code === codes.close) return { kind: 'close', successors: readSuccessors(reader) }
  if (code === codes.inherit) {
    const predecessor = readAuthority(reader)
    const final = reader.bytes(reader.count(reader.u16(), maxFinalBytes))
    const isOrdered = reader.count(reader.u8(), 1) === 1
    return { kind: 'inherit', predecessor, final, order: isOrdered ? readShown(reader) : undefined }
  }
  const kind = words.find(word => codes[word] === code)
  return kind === undefined ? reader.refuse() : { kind, id: readId(reader), shown: readShown(reader) }
}
