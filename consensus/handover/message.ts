import { ByteWriter, parse } from '../finality/bytes.ts'
import type { Word } from './facts.ts'
import { type HandoverId, readId, writeId } from './id.ts'
import { readShown, type Shown, writeShown } from './shown.ts'

/**
 * What one authority tells another: a word, and the final state that shows it. It proves itself, so it matters neither who
 * brings it, nor when, nor how often, nor under which epoch or view its sender leads.
 */
export interface Message {
  readonly word: Word
  /** With `locked`: the source has waited for long enough, and asks to refuse. */
  readonly isTired: boolean
  readonly id: HandoverId
  readonly shown: Shown
}

const words = ['locked', 'accepted', 'declined', 'released'] as const

export function encodeMessage({ word, isTired, id, shown }: Message): Uint8Array {
  const writer = new ByteWriter().u8(words.indexOf(word)).u8(isTired ? 1 : 0)
  writeId(writer, id)
  writeShown(writer, shown)
  return writer.finish()
}

/** Undefined unless the bytes are exactly one message. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  return parse(bytes, reader => {
    const word = words[reader.u8()]
    const tired = reader.u8()
    reader.require(tired === 0 || (tired === 1 && word === 'locked'))
    if (word === undefined) return reader.refuse()
    return { word, isTired: tired === 1, id: readId(reader), shown: readShown(reader) }
  })
}
