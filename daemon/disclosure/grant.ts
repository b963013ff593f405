import { type ByteReader, ByteWriter, parse } from '../../consensus/finality/bytes.ts'
import { joinBytes, putU16 } from '../../storage/bytes.ts'

/**
 * Whoever holds it may read what an org does not show to everybody, until it expires. A member signs it with its log key.
 *
 *   version u8 = 1 ‖ member's node number u32 ‖ expires, ms since 1970, u64 ‖ serial 16 ‖ signature 64
 */
export interface Grant {
  readonly member: number
  readonly expiresAtMs: number
  /** Random, 16 bytes: nobody can guess a grant from another one. */
  readonly serial: Uint8Array
  readonly signature: Uint8Array
}

/** The one log that a grant is for. */
export interface GrantedLog {
  readonly genesisHash: Uint8Array
  readonly origin: string
}

const version = 1
const domain = Buffer.from('freehold/disclosure/1\n')

/** What the member signs: the domain ‖ genesis hash ‖ u16 length ‖ origin ‖ the grant without its signature. */
export function grantMessage(log: GrantedLog, grant: Omit<Grant, 'signature'>): Uint8Array {
  const origin = Buffer.from(log.origin)
  const length = new Uint8Array(2)
  putU16(length, 0, origin.length)
  return joinBytes([domain, log.genesisHash, length, origin, unsigned(grant).finish()])
}

function unsigned({ member, expiresAtMs, serial }: Omit<Grant, 'signature'>): ByteWriter {
  return new ByteWriter().u8(version).u32(member).u64(expiresAtMs).bytes(serial)
}

export function encodeGrant(grant: Grant): Uint8Array {
  return unsigned(grant).bytes(grant.signature).finish()
}

/** Undefined unless the bytes are exactly what `encodeGrant` makes. */
export function decodeGrant(bytes: Uint8Array): Grant | undefined {
  return parse(bytes, reader => readGrant(reader))
}

function readGrant(reader: ByteReader): Grant {
  reader.require(reader.u8() === version)
  return {
    ...{ member: reader.u32(), expiresAtMs: reader.u64(), serial: reader.bytes(16) },
    signature: reader.bytes(64),
  }
}
