import { finalVerifier } from '../../consensus/handover/final.ts'
import type { Network as HandoverNetwork } from '../../consensus/handover/handovers.ts'
import { authorityOf } from '../../consensus/handover/id.ts'
import { isOpen } from '../disclosure/policy.ts'
import { canonicalJson } from '../genesis/canonical-json.ts'
import { type Genesis, originOf } from '../genesis/genesis.ts'
import type { GenesisAuthority } from '../genesis/schema.ts'
import type { HostedAuthority } from '../hosting/opening.ts'
import { verifySignature } from '../identity/signing-key.ts'
import { publicKeyOfPeerId } from '../network/peer-id.ts'

/** The network's authorities, as they were born. */
export function authoritiesOf(genesis: Genesis): HostedAuthority[] {
  const { file, hash } = genesis
  return file.authorities.map(authority => ({
    name: authority.name,
    charter: authority,
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

/** By node number: the keys under which it signs logs and votes, 32 bytes each. */
export function nodeKeysOf({ file }: Genesis): Map<number, { log: Uint8Array; vote: Uint8Array }> {
  const bytes32 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
  return new Map(
    file.nodes.map(({ number, keys }) => [number, { log: bytes32(keys.log), vote: bytes32(keys.vote) }]),
  )
}

/** By node number: the key of its identity, under which it signs as a gateway. */
export function identityKeysOf({ file }: Genesis): Map<number, Uint8Array> {
  return new Map(file.nodes.map(({ number, peerId }) => [number, publicKeyOfPeerId(peerId)!]))
}

/** By number: the peer ids of all nodes but this one. */
export function othersOf({ file }: Genesis, self: number): Map<number, string> {
  const others = file.nodes.filter(({ number }) => number !== self)
  return new Map(others.map(({ number, peerId }) => [number, peerId]))
}

/** What proves one authority's words to another: certificates, as far as they lead back to the founders. */
export function handoversOf(genesis: Genesis): HandoverNetwork {
  const { network, authorities } = genesis.file
  const keys = nodeKeysOf(genesis)
  const founded = new Map(
    authorities.map(authority => {
      const members = [...authority.members]
        .sort((a, b) => a - b)
        .map(node => ({ node, key: keys.get(node)!.vote }))
      return [authorityOf(originOf(network, authority)), { epoch: authority.epoch, members }]
    }),
  )
  return { verify: finalVerifier(authority => founded.get(authority), verifySignature) }
}
