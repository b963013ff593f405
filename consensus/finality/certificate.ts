/** What members write and read as certificates. Auditors and clients have a reader of their own, on purpose: audit/verify/certificate.ts. */
import { type ByteReader, ByteWriter, parse } from './bytes.ts'
import { quorumSize } from './quorum.ts'
import { encodeSeal, maxMembers, readSeal, type Seal, sealHash, type Voter } from './seal.ts'
import {
  readSignature,
  type Signature,
  type Signed,
  type Verify,
  verifyStatement,
  writeSignature,
} from './signed.ts'
import type { Ballot, Vote } from './statement.ts'

/** A quorum's votes of one kind for one seal: of first votes it prepares the seal, of second votes it is the certificate. */
export interface Quorum {
  readonly kind: 1 | 2
  readonly seal: Seal
  /** In which the votes were cast: the seal's own, or the one that took it up as its base. */
  readonly epoch: number
  readonly view: number
  /** Of exactly q members, by signer, ascending. */
  readonly votes: readonly Signature[]
}

/** A quorum of second votes: the members' decision. */
export interface Certificate extends Quorum {
  readonly kind: 2
}

const version = 1

export function ballotOf({ view, seal }: Quorum): Ballot {
  return { view, height: seal.height, hash: sealHash(seal) }
}

/** What each of its signers signed. */
function voteOf(quorum: Quorum): Vote {
  const { kind, seal, epoch } = quorum
  return { kind, authority: seal.authority, epoch, ballot: ballotOf(quorum) }
}

export function signedVotes(quorum: Quorum): Signed<Vote>[] {
  const statement = voteOf(quorum)
  return quorum.votes.map(by => ({ statement, by }))
}

export function isCertificate(quorum: Quorum): quorum is Certificate {
  return quorum.kind === 2
}

/**
 * Whether exactly a quorum of these members has voted so. It needs nothing but the members of the quorum's epoch, by
 * node, ascending; that they are that is the caller's to know, from the seal that activated them.
 */
export function verifyQuorum(quorum: Quorum, members: readonly Voter[], verify: Verify): boolean {
  const { votes } = quorum
  if (votes.length !== quorumSize(members.length)) return false
  const statement = voteOf(quorum)
  return votes.every((by, i) => {
    if (i > 0 && by.signer <= votes[i - 1]!.signer) return false
    const member = members.find(({ node }) => node === by.signer)
    return member !== undefined && verifyStatement(statement, by, member.key, verify)
  })
}

export function writeQuorum(writer: ByteWriter, quorum: Quorum): void {
  writer.u8(version).u8(quorum.kind).bytes(encodeSeal(quorum.seal)).u32(quorum.epoch).u32(quorum.view)
  writer.u8(quorum.votes.length)
  for (const vote of quorum.votes) writeSignature(writer, vote)
}

export function readQuorum(reader: ByteReader): Quorum {
  reader.require(reader.u8() === version)
  const kind = reader.u8()
  reader.require(kind === 1 || kind === 2)
  const seal = readSeal(reader)
  const epoch = reader.u32()
  const view = reader.u32()
  const count = reader.count(reader.u8(), maxMembers)
  const votes = Array.from({ length: count }, () => readSignature(reader))
  reader.require(epoch >= seal.epoch && votes.every((by, i) => i === 0 || by.signer > votes[i - 1]!.signer))
  return { kind: kind as 1 | 2, seal, epoch, view, votes }
}

export function encodeQuorum(quorum: Quorum): Uint8Array {
  const writer = new ByteWriter()
  writeQuorum(writer, quorum)
  return writer.finish()
}

/** Undefined unless the bytes are exactly what `encodeQuorum` makes. */
export function decodeQuorum(bytes: Uint8Array): Quorum | undefined {
  return parse(bytes, readQuorum)
}

/** Undefined unless the bytes are exactly what `encodeQuorum` makes of a certificate. */
export function decodeCertificate(bytes: Uint8Array): Certificate | undefined {
  const quorum = decodeQuorum(bytes)
  return quorum !== undefined && isCertificate(quorum) ? quorum : undefined
}
