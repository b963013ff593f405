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
}

/** Whom a client believes: from the genesis file, or (when it has none) from what its first gateway says. */
export interface Trust {
  readonly genesisHash: Uint8Array
  readonly areas: ReadonlyMap<string, AreaTrust>
}

interface GenesisFile {
  readonly network: string
  readonly nodes: readonly { readonly number: number; readonly keys: { readonly log: string } }[]
  readonly authorities: readonly {
    readonly name: string
    readonly birth: number
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
  const areas = genesis.authorities.map(({ name, birth }): [string, AreaTrust] => [
    name,
    areaTrust(`${genesis.network}/${name}/${birth}`, keys),
  ])
  return { genesisHash: sha256(file), areas: new Map(areas) }
}

/** What a gateway says itself, for clients without the genesis file. */
export function trustOfWelcome(genesisHash: Uint8Array, welcome: Welcome): Trust {
  const logKeys = new Map(
    welcome.nodes.flatMap(({ number, logKey }): [number, Uint8Array][] => (logKey ? [[number, logKey]] : [])),
  )
  const areas = welcome.areas.map(({ name, origin }): [string, AreaTrust] => [
    name,
    areaTrust(origin, logKeys),
  ])
  return { genesisHash, areas: new Map(areas) }
}

function areaTrust(origin: string, logKeys: ReadonlyMap<number, Uint8Array>): AreaTrust {
  return { origin, logTag: logTagOf(origin, sha256), logKeys }
}

/** Throws `other-network` when the gateway is of another world. */
export function checkNetwork(trust: Trust | undefined, genesisHash: Uint8Array): void {
  if (trust === undefined || equalBytes(trust.genesisHash, genesisHash)) return
  throw new ClientError('other-network', 'The gateway belongs to another network: its genesis hash differs.')
}

export function bytesOfBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), char => char.charCodeAt(0))
}
