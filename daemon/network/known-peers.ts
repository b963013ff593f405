import type { PeerId } from '../ports.ts'
import type { KnownPeer } from './options.ts'

export const maxKnownPeers = 1000
const addressesPerPeer = 8
const addressMaxLength = 256

/** The peers that passed the handshake, newest last; the oldest is forgotten when there are too many. */
export class KnownPeers {
  readonly #peers = new Map<PeerId, KnownPeer>()

  /** Answers the peer that had to be forgotten, if any. */
  seen(peer: KnownPeer): PeerId | undefined {
    const addresses = peer.addresses
      .filter(address => address.length <= addressMaxLength)
      .slice(0, addressesPerPeer)
    this.#peers.delete(peer.peerId)
    this.#peers.set(peer.peerId, { peerId: peer.peerId, addresses, lastSeenMs: peer.lastSeenMs })
    if (this.#peers.size <= maxKnownPeers) return undefined
    const oldest = this.#peers.keys().next().value as PeerId
    this.#peers.delete(oldest)
    return oldest
  }

  get size(): number {
    return this.#peers.size
  }

  addressesOf(peer: PeerId): readonly string[] {
    return this.#peers.get(peer)?.addresses ?? []
  }

  list(): KnownPeer[] {
    return [...this.#peers.values()]
  }
}
