/** What members write and read as seals. Auditors and clients have a reader of their own, on purpose: audit/verify/certificate.ts. */
import { joinBytes } from '../../storage/bytes.ts'
import { sha256 } from '../../storage/sha256.ts'
import { type ByteReader, ByteWriter, parse } from './bytes.ts'

export const hashBytes = 32
const keyBytes = 32
export const maxMembers = 64

export interface Voter {
  /** The node's number. */
  readonly node: number
  /** Its key for votes, 32 bytes. */
  readonly key: Uint8Array
}

/**
 * A sealed checkpoint: what the members vote on. `executed` hands it in once the seal's record is committed and this
 * replica has come to the same log root and state root by itself.
 */
export interface Seal {
  /** SHA-256 of the authority's log origin. */
  readonly authority: Uint8Array
  /** The epoch in which it was proposed. */
  readonly epoch: number
  /** 1 for the first. */
  readonly height: number
  /** The hash of the seal below, which is also the hash of its certificate; zeros below the first. */
  readonly previous: Uint8Array
  /** The log's size and root just after the seal. */
  readonly size: number
  readonly root: Uint8Array
  readonly stateRoot: Uint8Array
  readonly tick: number
  readonly timeMs: number
  /** `epoch`, or one more: then its certificate activates `nextMembers`. */
  readonly nextEpoch: number
  /** By node, ascending; empty when the epoch goes on. */
  readonly nextMembers: readonly Voter[]
}

/** Below the first seal. */
export const genesisHash: Uint8Array = new Uint8Array(hashBytes)

const domain = Buffer.from('freehold/seal/1\n')

export function encodeSeal(seal: Seal): Uint8Array {
  const writer = new ByteWriter()
  writer.bytes(seal.authority).u32(seal.epoch).u64(seal.height).bytes(seal.previous)
  writer.u64(seal.size).bytes(seal.root).bytes(seal.stateRoot).u64(seal.tick).u64(seal.timeMs)
  writer.u32(seal.nextEpoch).u8(seal.nextMembers.length)
  for (const { node, key } of seal.nextMembers) writer.u32(node).bytes(key)
  return writer.finish()
}

export function readSeal(reader: ByteReader): Seal {
  const seal = {
    authority: reader.bytes(hashBytes),
    epoch: reader.u32(),
    height: reader.u64(),
    previous: reader.bytes(hashBytes),
    size: reader.u64(),
    root: reader.bytes(hashBytes),
    stateRoot: reader.bytes(hashBytes),
    tick: reader.u64(),
    timeMs: reader.u64(),
    nextEpoch: reader.u32(),
    nextMembers: readVoters(reader),
  }
  const changes = seal.nextMembers.length > 0
  reader.require(seal.height > 0 && seal.nextEpoch === seal.epoch + (changes ? 1 : 0))
  return seal
}

function readVoters(reader: ByteReader): Voter[] {
  const count = reader.count(reader.u8(), maxMembers)
  const voters: Voter[] = []
  for (let i = 0; i < count; i++) {
    const voter = { node: reader.u32(), key: reader.bytes(keyBytes) }
    reader.require(i === 0 || voter.node > voters[i - 1]!.node)
    voters.push(voter)
  }
  return voters
}

export function decodeSeal(bytes: Uint8Array): Seal | undefined {
  return parse(bytes, readSeal)
}

const known = new WeakMap<Seal, Uint8Array>()

/** What votes name and the next seal's `previous` is. A certificate has the hash of its seal: who signed is no part of it. */
export function sealHash(seal: Seal): Uint8Array {
  let hash = known.get(seal)
  if (hash === undefined) {
    hash = sha256(joinBytes([domain, encodeSeal(seal)]))
    known.set(seal, hash)
  }
  return hash
}
