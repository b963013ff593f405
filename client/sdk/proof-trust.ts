import type { ProofTrust } from '../protocol/proof.ts'
import { ClientError } from './errors.ts'
import { sha256 } from './keys.ts'
import { bytesOfBase64 } from './trust.ts'

interface GenesisFile {
  readonly network: string
  readonly nodes: readonly {
    readonly number: number
    readonly keys: { readonly log: string; readonly vote: string; readonly cosign: string }
  }[]
  readonly authorities: readonly {
    readonly name: string
    readonly birth: number
    readonly epoch: number
    readonly members: readonly number[]
  }[]
}

/** What proofs are checked against, from the genesis file's bytes. */
export function proofTrustOf(file: Uint8Array): ProofTrust {
  try {
    return trustIn(file, JSON.parse(new TextDecoder().decode(file)) as GenesisFile)
  } catch {
    throw new ClientError('bad-genesis', 'The genesis file cannot be read.')
  }
}

function trustIn(file: Uint8Array, { network, nodes, authorities }: GenesisFile): ProofTrust {
  const keys = (kind: 'log' | 'vote' | 'cosign') =>
    new Map(nodes.map(({ number, keys }) => [number, bytesOfBase64(keys[kind])]))
  const votes = keys('vote')
  const founders = authorities.map(({ name, birth, epoch, members }) => {
    const origin = `${network}/${name}/${birth}`
    const voters = [...members].sort((a, b) => a - b).map(node => ({ node, key: votes.get(node)! }))
    return [origin, { origin, epoch, members: voters }] as const
  })
  return {
    ...{ network, genesisHash: sha256(file), founders: new Map(founders) },
    ...{ logKeys: keys('log'), cosignKeys: keys('cosign') },
  }
}
