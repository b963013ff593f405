import type { GenesisNode } from '../genesis/schema.ts'
import { publicKeyOfPeerId } from '../network/peer-id.ts'
import type { PeerId } from '../ports.ts'

/** What the network has decided about a node. `retired` and `banned` take no part any more; what they signed is still judged. */
export type NodeStatus = 'admitted' | 'active' | 'leaving' | 'retired' | 'banned'

/** Public keys, 32 bytes each. */
export interface PublicKeys {
  /** Of its libp2p identity, under which it signs as a gateway. */
  readonly identity: Uint8Array
  readonly vote: Uint8Array
  readonly cosign: Uint8Array
  readonly log: Uint8Array
}

export interface NodeRecord {
  readonly number: number
  readonly peerId: PeerId
  readonly operator: string
  /** Multiaddrs without the `/p2p/…` part. */
  readonly addresses: readonly string[]
  readonly keys: PublicKeys
  readonly status: NodeStatus
}

/** A node of the genesis file takes part from the beginning. */
export function recordOf({ number, peerId, operator, addresses, keys }: GenesisNode): NodeRecord {
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
  return {
    ...{ number, peerId, operator, addresses, status: 'active' },
    keys: {
      // The genesis file was checked: its peer ids hold their keys.
      identity: publicKeyOfPeerId(peerId)!,
      vote: bytes(keys.vote),
      cosign: bytes(keys.cosign),
      log: bytes(keys.log),
    },
  }
}

export function takesPart({ status }: NodeRecord): boolean {
  return status !== 'retired' && status !== 'banned'
}
