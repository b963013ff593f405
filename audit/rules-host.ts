import { finalVerifier } from '../consensus/handover/final.ts'
import { Handovers } from '../consensus/handover/handovers.ts'
import { authorityOf } from '../consensus/handover/id.ts'
import type { CertifiedSeal } from '../world/directory/host.ts'
import type { RulesHost } from '../world/kinds.ts'
import { sha256, verifyEd25519 } from './crypto.ts'
import { type Genesis, originOf } from './genesis.ts'
import {
  parseCertificate,
  parseQuorum,
  type Quorum,
  verifyCertificate,
  verifyQuorum,
} from './verify/certificate.ts'

/**
 * What the rules of the log of this origin are given from outside. What other authorities say in handovers is taken by the
 * verifier that its members go by: from the bytes in the log and the genesis file alone.
 */
export function rulesHost(genesis: Genesis, origin: string): RulesHost {
  const founded = new Map(
    genesis.areas.map(area => {
      const members = [...area.members]
        .sort((a, b) => a - b)
        .map(node => ({ node, key: genesis.nodes.get(node)!.voteKey }))
      return [authorityOf(originOf(genesis, area)), { epoch: area.epoch, members }]
    }),
  )
  const verify = finalVerifier(authority => founded.get(authority), verifyEd25519)
  return {
    ...{ origin, sha256, verifySignature: verifyEd25519 },
    handover: estate => new Handovers(authorityOf(origin), { verify }, estate),
    // The auditor's own reading of certificates, and not that of the members who wrote them.
    readCertificate: bytes => {
      const certificate = parseCertificate(bytes)
      return certificate && certifiedSeal(certificate)
    },
    readQuorum: bytes => {
      const quorum = parseQuorum(bytes)
      return quorum && certifiedSeal(quorum)
    },
    verifyQuorum: (bytes, members) => {
      const quorum = parseQuorum(bytes)
      return quorum !== undefined && verifyQuorum(quorum, members, verifyEd25519)
    },
    verifyCertificate: (bytes, members) => {
      const certificate = parseCertificate(bytes)
      return certificate !== undefined && verifyCertificate(certificate, members, verifyEd25519)
    },
  }
}

function certifiedSeal({ seal, sealHash: hash, epoch, view, votes }: Quorum): CertifiedSeal {
  const { authority, height, previous, size, root, nextEpoch, nextMembers } = seal
  return {
    ...{ authority, epoch, view, height, hash, previous, size, root },
    ...{ nextEpoch, nextMembers, signers: votes.map(({ signer }) => signer) },
  }
}
