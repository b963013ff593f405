import { ByteWriter, parse } from '../finality/bytes.ts'
import { decodeCertificate, type Quorum, verifyQuorum } from '../finality/certificate.ts'
import type { Voter } from '../finality/seal.ts'
import type { Verify } from '../finality/signed.ts'
import type { Authority } from './id.ts'
import type { Proven, VerifyFinal } from './shown.ts'

/** An authority as the network was founded with it. */
export interface Founded {
  readonly epoch: number
  /** By node, ascending. */
  readonly members: readonly Voter[]
}

/** Changes of members between the founders and a certificate. */
const maxActivations = 64
/** What was verified lately is verified again by every record and message that shows it. */
const maxKnown = 512

/**
 * The certificate of a seal, with those that lead from the founders to the members who made it.
 * @param activations of all epochs after the first that are known, in order
 */
export function encodeFinal(certificate: Uint8Array, activations: readonly Uint8Array[]): Uint8Array {
  const { epoch } = decodeCertificate(certificate)!
  const before = activations.filter(bytes => decodeCertificate(bytes)!.seal.nextEpoch <= epoch)
  const writer = new ByteWriter().u8(before.length)
  for (const activation of before) writer.u16(activation.length).bytes(activation)
  return writer.u16(certificate.length).bytes(certificate).finish()
}

interface Parts {
  readonly activations: readonly Quorum[]
  readonly certificate: Quorum
}

function decodeFinal(bytes: Uint8Array): Parts | undefined {
  return parse(bytes, reader => {
    const one = (): Quorum => decodeCertificate(reader.bytes(reader.u16())) ?? reader.refuse()
    const count = reader.count(reader.u8(), maxActivations)
    const activations = Array.from({ length: count }, one)
    return { activations, certificate: one() }
  })
}

/**
 * Tells what such bytes prove, by them and by what the network was founded on. What is certified is anchored in a network
 * without a directory.
 */
export function finalVerifier(
  founded: (authority: Authority) => Founded | undefined,
  verify: Verify,
): VerifyFinal {
  const known = new Map<string, Proven | undefined>()
  return final => {
    const name = Buffer.from(final.buffer, final.byteOffset, final.length).toString('latin1')
    if (known.has(name)) return known.get(name)
    const proven = prove(final, founded, verify)
    known.set(name, proven)
    if (known.size > maxKnown) known.delete(known.keys().next().value!)
    return proven
  }
}

function prove(
  final: Uint8Array,
  founded: (authority: Authority) => Founded | undefined,
  verify: Verify,
): Proven | undefined {
  const parts = decodeFinal(final)
  if (parts === undefined) return undefined
  const { activations, certificate } = parts
  const { height, stateRoot } = certificate.seal
  const authority = Buffer.from(certificate.seal.authority).toString('hex')
  const founders = founded(authority)
  if (founders === undefined) return undefined
  let { epoch, members } = founders
  const holds = (quorum: Quorum): boolean =>
    Buffer.compare(quorum.seal.authority, certificate.seal.authority) === 0 &&
    quorum.epoch === epoch &&
    verifyQuorum(quorum, members, verify)
  for (const activation of activations) {
    const { nextEpoch, nextMembers } = activation.seal
    if (!holds(activation) || activation.seal.epoch !== epoch || nextMembers.length === 0) return undefined
    epoch = nextEpoch
    members = nextMembers
  }
  if (!holds(certificate)) return undefined
  return { authority, epoch: certificate.epoch, height, stateRoot, isAnchored: true, ancestors: [] }
}
