import type { AreaCharter } from './charter.ts'
import type { CharterAuthority, DirectoryCharter } from './directory/charter.ts'
import { compareBytes } from './directory/codec/command.ts'
import type { Policy } from './directory/types.ts'
import type { Charter } from './kinds.ts'

interface Held {
  readonly group: number
  readonly birth: number
  readonly epoch: number
  readonly members: readonly number[]
}
export type FoundedArea = Held & AreaCharter & { readonly kind: 'area' | 'org' }
export type FoundedDirectory = Held & {
  readonly kind: 'directory'
  readonly name: string
  readonly policy: Policy
}
export type Founded = FoundedArea | FoundedDirectory

/** What a genesis file says, as far as rules look at it. Keys and signatures are base64. */
export interface Founding {
  readonly network: string
  readonly tickMs: number
  readonly nodes: readonly {
    readonly number: number
    readonly peerId: string
    readonly operator: string
    readonly addresses: readonly string[]
    readonly keys: { readonly vote: string; readonly cosign: string; readonly log: string }
    readonly endorsement: string
  }[]
  readonly operators: readonly { readonly name: string; readonly key: string }[]
  readonly recovery: { readonly keys: readonly string[]; readonly threshold: number }
  readonly authorities: readonly Founded[]
}

/** How whoever read the file reads what is text in it. Both are given only what was checked before. */
export interface FoundingCodec {
  bytesOf(base64: string): Uint8Array
  /** The Ed25519 key inside a peer id. */
  identityOf(peerId: string): Uint8Array
}

/** What an authority is from its birth on. The directory is born with all that the genesis file says. */
export function charterOf(file: Founding, authority: Founded, codec: FoundingCodec): Charter {
  if (authority.kind !== 'directory') return authority
  const { network, tickMs, operators, recovery } = file
  const { bytesOf, identityOf } = codec
  const byKey = (a: Uint8Array, b: Uint8Array): number => compareBytes(a, b)
  const nodes = file.nodes.map(({ number, peerId, operator, addresses, keys, endorsement }) => ({
    ...{ number, identity: identityOf(peerId), operator, addresses, endorsement: bytesOf(endorsement) },
    ...{ vote: bytesOf(keys.vote), cosign: bytesOf(keys.cosign), log: bytesOf(keys.log) },
  }))
  const charter: DirectoryCharter = {
    ...{ network, tickMs, policy: authority.policy },
    nodes: nodes.sort((a, b) => a.number - b.number),
    authorities: file.authorities.map(authorityOf).sort((a, b) => a.group - b.group),
    operators: operators
      .map(({ name, key }) => ({ name, key: bytesOf(key) }))
      .sort((a, b) => byKey(a.key, b.key)),
    recovery: { keys: recovery.keys.map(bytesOf).sort(byKey), threshold: recovery.threshold },
  }
  return { kind: 'directory', ...charter }
}

function authorityOf(founded: Founded): CharterAuthority {
  const { group, kind, name, birth, epoch } = founded
  const members = [...founded.members].sort((a, b) => a - b)
  return { group, kind, name, birth, epoch, members, area: kind === 'directory' ? undefined : founded }
}
