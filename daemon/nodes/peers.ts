import type { PeerId } from '../ports.ts'

/**
 * The other nodes of the network: whose channels are served, and to whom this node opens its own. It changes while the node
 * runs, and whoever holds channels listens.
 */
export class Peers {
  readonly #byNumber = new Map<number, PeerId>()
  readonly #byPeer = new Map<PeerId, number>()
  readonly #onAdded: ((number: number, peer: PeerId) => void)[] = []
  readonly #onRemoved: ((number: number, peer: PeerId) => void)[] = []

  constructor(peers: Iterable<readonly [number, PeerId]> = []) {
    for (const [number, peer] of peers) this.add(number, peer)
  }

  get(number: number): PeerId | undefined {
    return this.#byNumber.get(number)
  }

  has(number: number): boolean {
    return this.#byNumber.has(number)
  }

  /** Undefined for a peer that is no node of the network. */
  numberOf(peer: PeerId): number | undefined {
    return this.#byPeer.get(peer)
  }

  numbers(): number[] {
    return [...this.#byNumber.keys()]
  }

  entries(): [number, PeerId][] {
    return [...this.#byNumber]
  }

  add(number: number, peer: PeerId): void {
    if (this.#byNumber.has(number)) return
    this.#byNumber.set(number, peer)
    this.#byPeer.set(peer, number)
    for (const listener of this.#onAdded) listener(number, peer)
  }

  /** It is to be served no more. */
  remove(number: number): void {
    const peer = this.#byNumber.get(number)
    if (peer === undefined) return
    this.#byNumber.delete(number)
    this.#byPeer.delete(peer)
    for (const listener of this.#onRemoved) listener(number, peer)
  }

  onAdded(listener: (number: number, peer: PeerId) => void): void {
    this.#onAdded.push(listener)
  }

  onRemoved(listener: (number: number, peer: PeerId) => void): void {
    this.#onRemoved.push(listener)
  }
}
