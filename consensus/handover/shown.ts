import { equalBytes } from '../../storage/bytes.ts'
import { treeKey, treeValue } from '../../storage/state/entry.ts'
import { verifyStateProof } from '../../storage/state/proof.ts'
import type { ByteReader, ByteWriter } from '../finality/bytes.ts'
import type { Authority } from './id.ts'
import { maxCargoBytes, maxFinalBytes, maxParts, maxPathBytes } from './limits.ts'

/** One entry of a state, or that there is none, with its path to the state's root. */
export interface Part {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
  readonly path: Uint8Array
}

/** What another authority's state was at one of its seals. Proves itself to whoever can verify the seal's certificate. */
export interface Shown {
  /** The certificate, with the members who made it and the proof that the directory has it: `Verify` reads it. */
  readonly final: Uint8Array
  readonly parts: readonly Part[]
}

/** What a certificate decides. */
export interface Proven {
  readonly authority: Authority
  readonly epoch: number
  readonly height: number
  readonly stateRoot: Uint8Array
  /** The directory's certified log has it: nothing can make it undone. */
  readonly isAnchored: boolean
  /** Whom it succeeds, by the directory's word: its predecessors, theirs, and so on. */
  readonly ancestors: readonly Authority[]
}

/**
 * What these bytes prove; undefined when nothing. Handed in. Every replica must come to the same answer, so it may look
 * at nothing but the bytes and what the network was founded on.
 */
export type VerifyFinal = (final: Uint8Array) => Proven | undefined

/** A state as far as it was shown, under a root that nothing can undo. */
export class Witness {
  readonly proven: Proven
  readonly #values = new Map<string, Uint8Array | undefined>()

  constructor(proven: Proven, parts: readonly Part[]) {
    this.proven = proven
    for (const { key, value } of parts) this.#values.set(textOf(key), value)
  }

  /** The entry's value; undefined when it was not shown, or shown not to be there. */
  value(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(textOf(key))
  }

  /** It was shown that there is no such entry. */
  lacks(key: Uint8Array): boolean {
    const text = textOf(key)
    return this.#values.has(text) && this.#values.get(text) === undefined
  }
}

/** Undefined unless the certificate holds, is anchored, and every part stands under its state root. */
export function witness({ final, parts }: Shown, verify: VerifyFinal): Witness | undefined {
  const proven = verify(final)
  if (proven === undefined) return undefined
  if (!proven.isAnchored) return undefined
  const stands = parts.every(part => verifyPart(part, proven.stateRoot))
  return stands ? new Witness(proven, parts) : undefined
}

function verifyPart({ key, value, path }: Part, root: Uint8Array): boolean {
  return verifyStateProof(root, treeKey(key), value && treeValue(key, value), path)
}

export function writeShown(writer: ByteWriter, { final, parts }: Shown): void {
  writer.u16(final.length).bytes(final).u8(parts.length)
  for (const { key, value, path } of parts) {
    writer
      .u8(key.length)
      .bytes(key)
      .u8(value === undefined ? 0 : 1)
    if (value !== undefined) writer.u32(value.length).bytes(value)
    writer.u16(path.length).bytes(path)
  }
}

const maxValueBytes = maxCargoBytes + 256

export function readShown(reader: ByteReader): Shown {
  const final = reader.bytes(reader.count(reader.u16(), maxFinalBytes))
  const count = reader.count(reader.u8(), maxParts)
  const parts = Array.from({ length: count }, () => readPart(reader))
  reader.require(parts.every(({ key }, i) => parts.findIndex(part => equalBytes(part.key, key)) === i))
  return { final, parts }
}

function readPart(reader: ByteReader): Part {
  const key = reader.bytes(reader.u8())
  const held = reader.count(reader.u8(), 1)
  const value = held === 0 ? undefined : reader.bytes(reader.count(reader.u32(), maxValueBytes))
  return { key, value, path: reader.bytes(reader.count(reader.u16(), maxPathBytes)) }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}
