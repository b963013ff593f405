import { ByteReader, writer } from '../../world/codec/bytes.ts'
import { readNodeFacts, writeNodeFacts } from '../../world/directory/codec/fields.ts'
import { DIRECTORY_INPUT_MAX_BYTES } from '../../world/directory/limits.ts'
import type { NodeFacts } from '../../world/directory/types.ts'

/** How a node that the network does not know asks one that it does to bring it in. */
export const admissionProtocol = 'admission/1'
export const admissionOptions = { maxFrameBytes: DIRECTORY_INPUT_MAX_BYTES, maxChannelsPerPeer: 1 }

/** Keeps a byte order mark, which is no part of a code. */
const fromUtf8 = new TextDecoder('utf-8', { ignoreBOM: true })

export function encodeFacts(facts: NodeFacts): Uint8Array {
  writer.start()
  writeNodeFacts(writer, facts)
  return writer.finish().slice()
}

/** Undefined for what no honest node sends. */
export function decodeFacts(frame: Uint8Array): NodeFacts | undefined {
  const reader = new ByteReader(frame)
  const facts = readNodeFacts(reader)
  return reader.done() ? facts : undefined
}

/** What became of it: a code of the directory's rules, `ok` among them, or of the sponsor. */
export function encodeAnswer(code: string): Uint8Array {
  return new TextEncoder().encode(code)
}

/** Undefined for what is no code. */
export function decodeAnswer(frame: Uint8Array): string | undefined {
  const code = fromUtf8.decode(frame)
  return /^[a-z-]{1,32}$/.test(code) ? code : undefined
}
