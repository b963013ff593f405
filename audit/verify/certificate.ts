/**
 * A quorum's decision on a sealed checkpoint (docs/finality.md, "On the wire and on disk"), read and checked from its bytes
 * alone and the keys of the members. It is a second reader on purpose: what members write (consensus/finality/seal.ts and
 * certificate.ts) is not checked with their own code, and this one runs in browsers. test/audit/verify/certificate.test.ts and
 * test/bad-input hold both to one form.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, equalBytes, readU64, u32, u64, utf8, view } from './bytes.ts'
import { leafHash, rootOfInclusion } from './merkle.ts'
import type { VerifySignature } from './signatures.ts'

export interface Voter {
  /** The node's number. */
  readonly node: number
  /** Its key for votes, 32 bytes. */
  readonly key: Uint8Array
}

/** What was decided. Hashes have 32 bytes. */
export interface DecidedSeal {
  /** SHA-256 of the log's origin. */
  readonly authority: Uint8Array
  readonly epoch: number
  readonly height: number
  readonly previous: Uint8Array
  /** The log's leaves and root just after the seal. */
  readonly size: number
  readonly root: Uint8Array
  /** Of the state tree, at the mark before the seal. */
  readonly stateRoot: Uint8Array
  readonly tick: number
  readonly timeMs: number
  readonly nextEpoch: number
  /** The members that its certificate activates; none when the epoch goes on. By node, ascending. */
  readonly nextMembers: readonly Voter[]
}

export interface VoteSignature {
  readonly signer: number
  readonly index: number
  readonly count: number
  readonly path: readonly Uint8Array[]
  readonly signature: Uint8Array
}

/** Votes of one kind for one seal: of second votes it is a certificate. */
export interface Quorum {
  readonly kind: 1 | 2
  readonly seal: DecidedSeal
  readonly sealHash: Uint8Array
  readonly epoch: number
  readonly view: number
  /** By signer, ascending. */
  readonly votes: readonly VoteSignature[]
}

export interface Certificate extends Quorum {
  readonly kind: 2
}

/** 64 members that each signed 16,384 statements at once. */
export const MAX_CERTIFICATE_BYTES = 64 * 1024
const sealFixedBytes = 169
const maxMembers = 64
const maxBatch = 16_384
const maxPath = 16

/** Undefined unless the bytes are exactly one certificate. Whether anybody signed it is for `verifyCertificate`. */
export function parseCertificate(bytes: Uint8Array): Certificate | undefined {
  const quorum = parseQuorum(bytes)
  return quorum?.kind === 2 ? { ...quorum, kind: 2 } : undefined
}

/** The same of a quorum's votes of either kind. */
export function parseQuorum(bytes: Uint8Array): Quorum | undefined {
  if (bytes.length > MAX_CERTIFICATE_BYTES) return undefined
  const cursor = new Cursor(bytes)
  const [version, kind] = [cursor.u8(), cursor.u8()]
  if (version !== 1 || (kind !== 1 && kind !== 2)) return undefined
  const sealBytes = cursor.peek(sealFixedBytes)
  const members = sealBytes[sealFixedBytes - 1] ?? 0
  const encoded = cursor.peek(sealFixedBytes + 36 * members)
  const seal = readSeal(cursor)
  const epoch = cursor.u32()
  const quorum: Omit<Quorum, 'seal'> = {
    kind,
    ...{ sealHash: sha256(concat(utf8('freehold/seal/1\n'), encoded)), epoch, view: cursor.u32() },
    votes: Array.from({ length: cursor.upTo(cursor.u8(), maxMembers) }, () => readVote(cursor)),
  }
  const ordered = ascending(quorum.votes.map(({ signer }) => signer))
  return cursor.isDone && seal !== undefined && ordered && epoch >= seal.epoch
    ? { ...quorum, seal }
    : undefined
}

function readSeal(cursor: Cursor): DecidedSeal | undefined {
  const seal = {
    ...{ authority: cursor.take(32), epoch: cursor.u32(), height: cursor.u64(), previous: cursor.take(32) },
    ...{ size: cursor.u64(), root: cursor.take(32), stateRoot: cursor.take(32) },
    ...{ tick: cursor.u64(), timeMs: cursor.u64(), nextEpoch: cursor.u32() },
    nextMembers: Array.from({ length: cursor.upTo(cursor.u8(), maxMembers) }, () => {
      return { node: cursor.u32(), key: cursor.take(32) }
    }),
  }
  const changes = seal.nextMembers.length > 0 ? 1 : 0
  const fits = seal.height > 0 && seal.nextEpoch === seal.epoch + changes
  return fits && ascending(seal.nextMembers.map(({ node }) => node)) ? seal : undefined
}

export function readVote(cursor: Cursor): VoteSignature {
  const [signer, index, count] = [cursor.u32(), cursor.u32(), cursor.u32()]
  cursor.require(count <= maxBatch && index < count)
  const path = Array.from({ length: cursor.upTo(cursor.u8(), maxPath) }, () => cursor.take(32))
  return { signer, index, count, path, signature: cursor.take(64) }
}

function ascending(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => i === 0 || number > numbers[i - 1]!)
}

/** ⌈(n + f + 1) / 2⌉ of n members, of which f = ⌊(n − 1) / 3⌋ may lie. */
export function quorumOf(members: number): number {
  return Math.ceil((members + liarsOf(members) + 1) / 2)
}

export function liarsOf(members: number): number {
  return Math.floor((members - 1) / 3)
}

/** Whether exactly a quorum of these members decided so. That they were the members of its epoch is for the caller to know. */
export function verifyCertificate(
  certificate: Certificate,
  members: readonly Voter[],
  verify: VerifySignature,
): boolean {
  return verifyQuorum(certificate, members, verify)
}

/** Whether exactly a quorum of these members voted so. */
export function verifyQuorum(
  { kind, seal, sealHash, epoch, view: inView, votes }: Quorum,
  members: readonly Voter[],
  verify: VerifySignature,
): boolean {
  if (votes.length !== quorumOf(members.length)) return false
  const statement = concat(
    ...[Uint8Array.of(kind), seal.authority, u32(epoch)],
    ...[u32(inView), u64(seal.height), sealHash],
  )
  const leaf = leafHash(statement)
  return votes.every(({ signer, index, count, path, signature }) => {
    const member = members.find(({ node }) => node === signer)
    const root = rootOfInclusion(index, count, leaf, path)
    if (member === undefined || root === undefined) return false
    return verify(member.key, concat(utf8('freehold/votes/1\n'), u32(count), root), signature)
  })
}

export type ChainFault = 'other-log' | 'broken-chain' | 'not-a-quorum'

export type ChainResult =
  | { readonly ok: true; readonly members: readonly Voter[] }
  | { readonly ok: false; readonly code: ChainFault }

/** Who an authority began with. */
export interface Founders {
  readonly origin: string
  readonly epoch: number
  /** By node, ascending. */
  readonly members: readonly Voter[]
}

/**
 * Leads from the founders to the members that decided `certificate`: each of `activations` is the certificate, by the members
 * before, of the seal that names the next ones. None in the first epoch.
 */
export function verifyChain(
  founders: Founders,
  activations: readonly Certificate[],
  certificate: Certificate,
  verify: VerifySignature,
): ChainResult {
  const authority = sha256(utf8(founders.origin))
  let { epoch, members } = founders
  let height = 0
  for (const link of [...activations, certificate]) {
    const { seal } = link
    if (!equalBytes(seal.authority, authority)) return { ok: false, code: 'other-log' }
    if (link.epoch !== epoch || seal.height <= height) return { ok: false, code: 'broken-chain' }
    if (!verifyCertificate(link, members, verify)) return { ok: false, code: 'not-a-quorum' }
    if (link === certificate) break
    if (seal.epoch !== epoch || seal.nextMembers.length === 0) return { ok: false, code: 'broken-chain' }
    epoch = seal.nextEpoch
    height = seal.height
    members = seal.nextMembers
  }
  return { ok: true, members }
}

/** Reads fixed layouts. Past the end, or after a number that may not stand there, it gives zeros and is never done. */
export class Cursor {
  readonly #bytes: Uint8Array
  #at = 0
  #good = true

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isDone(): boolean {
    return this.#good && this.#at === this.#bytes.length
  }

  require(holds: boolean): void {
    this.#good &&= holds
  }

  upTo(count: number, most: number): number {
    this.require(count <= most)
    return this.#good ? count : 0
  }

  peek(length: number): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#at + length)
  }

  take(length: number): Uint8Array {
    this.require(length <= this.#bytes.length - this.#at)
    if (!this.#good) return new Uint8Array(length)
    this.#at += length
    return this.#bytes.slice(this.#at - length, this.#at)
  }

  u8(): number {
    return this.take(1)[0]!
  }

  u32(): number {
    return view(this.take(4)).getUint32(0)
  }

  u64(): number {
    const value = readU64(this.take(8), 0)
    this.require(value !== undefined)
    return value ?? 0
  }
}
