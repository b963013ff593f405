import { PbfReader, PbfWriter } from 'pbf'
import { equalBytes } from './session.ts'

type Read<Message> = (pbf: PbfReader) => Message
type Write<Message> = (message: Message, pbf: PbfWriter) => void

const firstBytes = 4096
/** A longer message gets memory of its own. */
const keptBytes = 65_536
let writer = new PbfWriter(new Uint8Array(firstBytes))

/**
 * The message's bytes, behind `prefix` when there is one. All messages are written in the same place and then copied to
 * their size: a writer that begins small would grow, and be copied, half a dozen times for each.
 */
export function encoded<Message>(
  write: Write<Message>,
  message: Message,
  prefix?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(written(write, message, prefix))
}

/** Good until the next message is written. */
function written<Message>(write: Write<Message>, message: Message, prefix?: Uint8Array): Uint8Array {
  if (writer.buf.length > keptBytes) writer = new PbfWriter(new Uint8Array(firstBytes))
  writer.length = writer.buf.length
  writer.pos = 0
  if (prefix !== undefined) {
    writer.realloc(prefix.length)
    writer.buf.set(prefix)
    writer.pos = prefix.length
  }
  write(message, writer)
  return writer.buf.subarray(0, writer.pos)
}

/**
 * What `read` makes of the bytes, when they are what `write` makes of that: fields in order, nothing left over, padded or
 * said twice. Undefined for any others. Bytes of more than `mostFields` fields are refused before an object is made.
 */
export function decoded<Message>(
  bytes: Uint8Array,
  read: Read<Message>,
  write: Write<Message>,
  mostFields: number,
): Message | undefined {
  try {
    if (!fieldsAreFew(new PbfReader(bytes), mostFields)) return undefined
    const message = read(new PbfReader(bytes))
    return equalBytes(written(write, message), bytes) ? message : undefined
  } catch {
    return undefined
  }
}

/** Counts the fields of the message itself; throws where there are none to read. */
export function fieldsAreFew(pbf: PbfReader, most: number): boolean {
  let count = 0
  while (pbf.nextField() !== 0) {
    if (++count > most) return false
    pbf.skip(pbf.type)
  }
  return pbf.pos === pbf.length
}
