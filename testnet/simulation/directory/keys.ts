import { hash } from 'node:crypto'
import { BatchTree } from '../../../consensus/finality/batch-tree.ts'
import {
  decodeCertificate,
  decodeQuorum,
  encodeQuorum,
  type Quorum,
  verifyQuorum,
} from '../../../consensus/finality/certificate.ts'
import { type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { batchMessage } from '../../../consensus/finality/signed.ts'
import { encodeStatement } from '../../../consensus/finality/statement.ts'
import { endorsementMessage } from '../../../world/directory/charter.ts'
import type { CertifiedSeal, DirectoryHost } from '../../../world/directory/host.ts'
import type { NodeFacts, Voter } from '../../../world/directory/types.ts'

export const NETWORK = 'sim'
export const ORIGIN = `${NETWORK}/directory/0`

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))

/** A keyed hash in place of a signature: whoever plays fair makes them with its own key only. */
export function sign(key: Uint8Array, message: Uint8Array): Uint8Array {
  const half = sha256(Buffer.concat([key, message]))
  return new Uint8Array(Buffer.concat([half, half]))
}

export function isSigned(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return Buffer.compare(sign(key, message), signature) === 0
}

const key = (name: string): Uint8Array => sha256(Buffer.from(name))
export const identityOf = (being: number): Uint8Array => key(`identity ${being}`)
export const voteKeyOf = (being: number): Uint8Array => key(`vote ${being}`)
export const operatorKeyOf = (operator: number): Uint8Array => key(`operator ${operator}`)

export function factsOf(being: number): NodeFacts {
  const facts = {
    ...{
      identity: identityOf(being),
      vote: voteKeyOf(being),
      cosign: key(`cosign ${being}`),
      log: key(`log ${being}`),
    },
    ...{ operator: `op ${being % 5}`, addresses: [`/ip4/10.0.0.${being % 250}/tcp/7777`] },
    endorsement: new Uint8Array(64),
  }
  return { ...facts, endorsement: sign(facts.identity, endorsementMessage(NETWORK, facts)) }
}

export const host: DirectoryHost = {
  origin: ORIGIN,
  sha256,
  verifySignature: isSigned,
  readCertificate: bytes => {
    const certificate = decodeCertificate(bytes)
    return certificate && certified(certificate)
  },
  readQuorum: bytes => {
    const quorum = decodeQuorum(bytes)
    return quorum && certified(quorum)
  },
  verifyQuorum: (bytes, members) => {
    const quorum = decodeQuorum(bytes)
    return quorum !== undefined && verifyQuorum(quorum, members, isSigned)
  },
  verifyCertificate: (bytes, members) => {
    const certificate = decodeCertificate(bytes)
    return certificate !== undefined && verifyQuorum(certificate, members, isSigned)
  },
}

function certified({ seal, epoch, view, votes }: Quorum): CertifiedSeal {
  const { authority, height, previous, size, root, nextEpoch, nextMembers } = seal
  const where = { authority, epoch, view, height, hash: sealHash(seal), previous, size, root }
  return { ...where, nextEpoch, nextMembers, signers: votes.map(({ signer }) => signer) }
}

/** @param signers with the keys that they sign with */
export function certificateOf(seal: Seal, view: number, signers: readonly Voter[]): Uint8Array {
  const { epoch, authority, height } = seal
  const ballot = { view, height, hash: sealHash(seal) }
  const statement = encodeStatement({ kind: 2, authority, epoch, ballot })
  const message = batchMessage(new BatchTree([statement]).root, 1)
  const votes = [...signers]
    .sort((a, b) => a.node - b.node)
    .map(({ node, key }) => ({ signer: node, index: 0, count: 1, path: [], signature: sign(key, message) }))
  return encodeQuorum({ kind: 2, seal, epoch, view, votes })
}
