import { joinBytes, putU32 } from '../../storage/bytes.ts'
import { maxBatch, maxPath, rootOfPath } from './batch-tree.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { hashBytes } from './seal.ts'
import { encodeStatement, readStatement, type Statement } from './statement.ts'

export const signatureBytes = 64

/** That a node signed a statement: the statement's place in a batch, and the signature over the batch's root. */
export interface Signature {
  readonly signer: number
  readonly index: number
  readonly count: number
  readonly path: readonly Uint8Array[]
  readonly signature: Uint8Array
}

export interface Signed<S extends Statement = Statement> {
  readonly statement: S
  readonly by: Signature
}

/** Whether the owner of `key` signed `message`. Handed in; must not throw. */
export type Verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

const domain = Buffer.from('freehold/votes/1\n')

/**
 * What a node signs in a cycle: one root over all its statements of all authorities, and how many they are. A path alone can
 * fit trees of more than one size, and a certificate is to have one form only.
 */
export function batchMessage(root: Uint8Array, count: number): Uint8Array {
  const size = new Uint8Array(4)
  putU32(size, 0, count)
  return joinBytes([domain, size, root])
}

/** Whether `by` is a signature of the owner of `key` over this statement. */
export function verifyStatement(
  statement: Statement,
  by: Signature,
  key: Uint8Array,
  verify: Verify,
): boolean {
  const root = rootOfPath(encodeStatement(statement), by.index, by.count, by.path)
  return root !== undefined && verify(key, batchMessage(root, by.count), by.signature)
}

export function writeSignature(writer: ByteWriter, by: Signature): void {
  writer.u32(by.signer).u32(by.index).u32(by.count).u8(by.path.length)
  for (const hash of by.path) writer.bytes(hash)
  writer.bytes(by.signature)
}

export function readSignature(reader: ByteReader): Signature {
  const signer = reader.u32()
  const index = reader.u32()
  const count = reader.count(reader.u32(), maxBatch)
  reader.require(index < count)
  const length = reader.count(reader.u8(), maxPath)
  const path = Array.from({ length }, () => reader.bytes(hashBytes))
  return { signer, index, count, path, signature: reader.bytes(signatureBytes) }
}

export function writeSigned(writer: ByteWriter, { statement, by }: Signed): void {
  writer.bytes(encodeStatement(statement))
  writeSignature(writer, by)
}

export function readSigned(reader: ByteReader): Signed {
  return { statement: readStatement(reader), by: readSignature(reader) }
}
