import {
  decodeCertificate,
  decodeQuorum,
  type Quorum,
  verifyQuorum,
} from '../../consensus/finality/certificate.ts'
import { sealHash } from '../../consensus/finality/seal.ts'
import { Handovers, type Network } from '../../consensus/handover/handovers.ts'
import { authorityOf } from '../../consensus/handover/id.ts'
import type { CertifiedSeal } from '../../world/directory/host.ts'
import type { Estate } from '../../world/estate.ts'
import type { RulesHost } from '../../world/kinds.ts'

/** What rules are given, of whatever kind they are. */
export function rulesHost(
  origin: string,
  sha256: RulesHost['sha256'],
  verify: RulesHost['verifySignature'],
  handovers?: Network,
): RulesHost {
  const self = authorityOf(origin)
  return {
    ...{ origin, sha256, verifySignature: verify },
    handover: handovers && ((estate: Estate) => new Handovers(self, handovers, estate)),
    readCertificate: bytes => {
      const certificate = decodeCertificate(bytes)
      return certificate && certifiedSeal(certificate)
    },
    readQuorum: bytes => {
      const quorum = decodeQuorum(bytes)
      return quorum && certifiedSeal(quorum)
    },
    verifyQuorum: (bytes, members) => {
      const quorum = decodeQuorum(bytes)
      return quorum !== undefined && verifyQuorum(quorum, members, verify)
    },
    verifyCertificate: (bytes, members) => {
      const certificate = decodeCertificate(bytes)
      return certificate !== undefined && verifyQuorum(certificate, members, verify)
    },
  }
}

function certifiedSeal({ seal, epoch, view, votes }: Quorum): CertifiedSeal {
  const { authority, height, previous, size, root, nextEpoch, nextMembers } = seal
  return {
    ...{ authority, epoch, view, height, hash: sealHash(seal), previous, size, root },
    ...{ nextEpoch, nextMembers, signers: votes.map(({ signer }) => signer) },
  }
}
