import { finalVerifier } from '../../consensus/handover/final.ts'
import type { Network as HandoverNetwork } from '../../consensus/handover/handovers.ts'
import { authorityOf } from '../../consensus/handover/id.ts'
import { isOpen } from '../disclosure/policy.ts'
import { canonicalJson } from '../genesis/canonical-json.ts'
import { charterOf, type Genesis, originOf } from '../genesis/genesis.ts'
import type { GenesisAuthority } from '../genesis/schema.ts'
import type { HostedAuthority } from '../hosting/opening.ts'
import { verifySignature } from '../identity/signing-key.ts'
import type { NodeBook } from '../nodes/book.ts'

/** The network's authorities, as they were born. */
export function authoritiesOf(genesis: Genesis): HostedAuthority[] {
  const { file, hash } = genesis
  return file.authorities.map(authority => ({
    name: authority.name,
    charter: charterOf(file, authority),
    identity: {
      genesisHash: hash,
      origin: originOf(file.network, authority),
      isHidden: !isOpen(authority.kind),
      group: authority.group,
      epoch: authority.epoch,
      view: 0,
      members: [...authority.members].sort((a, b) => a - b),
      charterBody: charterBody(genesis, authority),
      rulesVersion: file.rules.version,
      tickMs: file.tickMs,
      createdAtMs: Date.parse(file.createdAt),
    },
  }))
}

/** The body of an authority's first leaf: what the genesis file says of it, and under which rules it was born. */
function charterBody(genesis: Genesis, authority: GenesisAuthority): Uint8Array {
  const { network, rules } = genesis.file
  return new TextEncoder().encode(canonicalJson({ genesisHash: genesis.hashHex, network, rules, authority }))
}

/** What proves one authority's words to another: certificates, as far as they lead back to the founders. */
export function handoversOf(genesis: Genesis, book: NodeBook): HandoverNetwork {
  const { network, authorities } = genesis.file
  const founded = new Map(
    authorities.map(authority => {
      const members = [...authority.members]
        .sort((a, b) => a - b)
        .map(node => ({ node, key: book.get(node)!.keys.vote }))
      return [authorityOf(originOf(network, authority)), { epoch: authority.epoch, members }]
    }),
  )
  return { verify: finalVerifier(authority => founded.get(authority), verifySignature) }
}
