import { PbfWriter } from 'pbf'

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
  if (writer.buf.length > keptBytes) writer = new PbfWriter(new Uint8Array(firstBytes))
  writer.length = writer.buf.length
  writer.pos = 0
  if (prefix !== undefined) {
    writer.realloc(prefix.length)
    writer.buf.set(prefix)
    writer.pos = prefix.length
  }
  write(message, writer)
  return new Uint8Array(writer.buf.subarray(0, writer.pos))
}
