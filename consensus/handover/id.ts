import { sha256 } from '../../storage/sha256.ts'
import type { ByteReader, ByteWriter } from '../finality/bytes.ts'

/** SHA-256 of the log's origin, in lower-case hex. */
export type Authority = string

/** 16 bytes in lower-case hex. */
export type Entity = string

/** Names one handover for all time: the source counts `n` from 1 for each target, and never again. */
export interface HandoverId {
  readonly source: Authority
  readonly target: Authority
  readonly n: number
}

const authorityBytes = 32

/** @param origin of its log */
export function authorityOf(origin: string): Authority {
  return hexOf(sha256(Buffer.from(origin)))
}
const entityBytes = 16

export function nameOf({ source, target, n }: HandoverId): string {
  return `${source}${target}${n}`
}

export function writeAuthority(writer: ByteWriter, authority: Authority): void {
  writer.bytes(Buffer.from(authority, 'hex'))
}

export function readAuthority(reader: ByteReader): Authority {
  return hexOf(reader.bytes(authorityBytes))
}

export function writeEntity(writer: ByteWriter, entity: Entity): void {
  writer.bytes(Buffer.from(entity, 'hex'))
}

export function readEntity(reader: ByteReader): Entity {
  return hexOf(reader.bytes(entityBytes))
}

export function writeId(writer: ByteWriter, { source, target, n }: HandoverId): void {
  writeAuthority(writer, source)
  writeAuthority(writer, target)
  writer.u64(n)
}

export function readId(reader: ByteReader): HandoverId {
  const id = { source: readAuthority(reader), target: readAuthority(reader), n: reader.u64() }
  reader.require(id.n > 0 && id.source !== id.target)
  return id
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}
