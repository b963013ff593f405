import type { Founders, Voter } from '../../audit/verify/certificate.ts'
import { logTagOf } from '../../world/codec.ts'
import type { Welcome } from '../protocol/gateway.pb.js'
import { equalBytes } from '../protocol/session.ts'
import { ClientError } from './errors.ts'
import { sha256 } from './keys.ts'

/** What receipts of one area are checked against. */
export interface AreaTrust {
  readonly origin: string
  /** What says in each input that it is for this area's log. */
  readonly logTag: Uint8Array
  /** Log keys by node number, of all who may be a member: members change while the network runs. */
  readonly logKeys: ReadonlyMap<number, Uint8Array>
  /** Whose votes made its first certificates. */
  readonly founders: Founders
}

/** Whom a client believes: from the genesis file, or (when it has none) from what its first gateway says. */
export interface Trust {
  readonly genesisHash: Uint8Array
  readonly areas: ReadonlyMap<string, AreaTrust>
}

interface GenesisFile {
  readonly network: string
  readonly nodes: readonly {
    readonly number: number
    readonly keys: { readonly log: string; readonly vote: string }
  }[]
  readonly authorities: readonly {
    readonly name: string
    readonly birth: number
    readonly epoch: number
    readonly members: readonly number[]
  }[]
}

/** Reads the genesis file: its hash names the network, its keys sign the receipts. */
export function trustOfGenesis(file: Uint8Array): Trust {
  let genesis: GenesisFile
  try {
    genesis = JSON.parse(new TextDecoder().decode(file)) as GenesisFile
  } catch {
    throw new ClientError('bad-genesis', 'The genesis file is not JSON.')
  }
  const keys = new Map(genesis.nodes.map(node => [node.number, bytesOfBase64(node.keys.log)]))
  const voteKeys = new Map(genesis.nodes.map(node => [node.number, bytesOfBase64(node.keys.vote)]))
  const areas = genesis.authorities.map(({ name, birth, epoch, members }): [string, AreaTrust] => {
    const origin = `${genesis.network}/${name}/${birth}`
    return [name, areaTrust({ origin, epoch, members: votersOf(members, voteKeys) }, keys)]
  })
  return { genesisHash: sha256(file), areas: new Map(areas) }
}

/** What a gateway says itself, for clients without the genesis file. */
export function trustOfWelcome(genesisHash: Uint8Array, welcome: Welcome): Trust {
  const logKeys = new Map(
    welcome.nodes.flatMap(({ number, logKey }): [number, Uint8Array][] => (logKey ? [[number, logKey]] : [])),
  )
  const voteKeys = new Map(
    welcome.nodes.flatMap(({ number, voteKey }): [number, Uint8Array][] =>
      voteKey ? [[number, voteKey]] : [],
    ),
  )
  const areas = welcome.areas.map(({ name, origin, epoch, founders }): [string, AreaTrust] => [
    name,
    areaTrust({ origin, epoch, members: votersOf(founders, voteKeys) }, logKeys),
  ])
  return { genesisHash, areas: new Map(areas) }
}

function areaTrust(founders: Founders, logKeys: ReadonlyMap<number, Uint8Array>): AreaTrust {
  const { origin } = founders
  return { origin, logTag: logTagOf(origin, sha256), logKeys, founders }
}

function votersOf(nodes: readonly number[], keys: ReadonlyMap<number, Uint8Array>): Voter[] {
  const voters = nodes.flatMap(node => {
    const key = keys.get(node)
    return key === undefined ? [] : [{ node, key }]
  })
  return voters.sort((a, b) => a.node - b.node)
}

/** Throws `other-network` when the gateway is of another world. */
export function checkNetwork(trust: Trust | undefined, genesisHash: Uint8Array): void {
  if (trust === undefined || equalBytes(trust.genesisHash, genesisHash)) return
  throw new ClientError('other-network', 'The gateway belongs to another network: its genesis hash differs.')
}

export function bytesOfBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), char => char.charCodeAt(0))
}
