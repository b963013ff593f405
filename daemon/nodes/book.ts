import type { PeerId } from '../ports.ts'
import { Peers } from './peers.ts'
import { type NodeRecord, type PublicKeys, takesPart } from './record.ts'

export type BookRefusal = 'number-taken' | 'peer-taken' | 'unknown-node'

/** What may change of a node once it has its number; its peer id never does. */
export type NodeChanges = Partial<Omit<NodeRecord, 'number' | 'peerId'>>

/** A node has come, or something about it is another than before. */
export type BookListener = (node: NodeRecord, before: NodeRecord | undefined) => void

/**
 * The nodes of the network: at first those of the genesis file, then whom the directory admits. Numbers are never used again, and
 * who was in it once stays in it, since what a node has signed is judged after it has left.
 */
export class NodeBook {
  readonly #self: PeerId
  readonly #nodes = new Map<number, NodeRecord>()
  readonly #byPeer = new Map<PeerId, number>()
  readonly #listeners: BookListener[] = []
  readonly #keys = new Map<number, PublicKeys>()
  /** The others that take part. */
  readonly peers = new Peers()

  /** @param self this node's peer id, which may not be in the book yet */
  constructor(self: PeerId, nodes: readonly NodeRecord[] = []) {
    this.#self = self
    for (const node of nodes) this.admit(node)
  }

  /** This node's own record; undefined until it is admitted. */
  get self(): NodeRecord | undefined {
    return this.#nodes.get(this.#byPeer.get(this.#self) ?? 0)
  }

  /** Of everybody who ever was a node; it grows as they come. */
  get keys(): ReadonlyMap<number, PublicKeys> {
    return this.#keys
  }

  all(): NodeRecord[] {
    return [...this.#nodes.values()]
  }

  get(number: number): NodeRecord | undefined {
    return this.#nodes.get(number)
  }

  of(peer: PeerId): NodeRecord | undefined {
    return this.#nodes.get(this.#byPeer.get(peer) ?? 0)
  }

  /** Of a node that takes part, this one among them: others are served nothing. */
  numberOf(peer: PeerId): number | undefined {
    const node = this.of(peer)
    return node !== undefined && takesPart(node) ? node.number : undefined
  }

  admit(node: NodeRecord): { ok: true } | { ok: false; code: BookRefusal } {
    if (this.#nodes.has(node.number)) return { ok: false, code: 'number-taken' }
    // Whoever left and comes back has another number: the old one keeps what its signatures are judged by.
    const before = this.of(node.peerId)
    if (before !== undefined && before.status !== 'retired') return { ok: false, code: 'peer-taken' }
    this.#byPeer.set(node.peerId, node.number)
    this.#put(node, undefined)
    return { ok: true }
  }

  update(number: number, changes: NodeChanges): { ok: true } | { ok: false; code: BookRefusal } {
    const before = this.#nodes.get(number)
    if (before === undefined) return { ok: false, code: 'unknown-node' }
    this.#put({ ...before, ...changes }, before)
    return { ok: true }
  }

  onChange(listener: BookListener): void {
    this.#listeners.push(listener)
  }

  #put(node: NodeRecord, before: NodeRecord | undefined): void {
    this.#nodes.set(node.number, node)
    this.#keys.set(node.number, node.keys)
    for (const listener of this.#listeners) listener(node, before)
    if (node.peerId === this.#self) return
    if (takesPart(node) && this.#byPeer.get(node.peerId) === node.number)
      this.peers.add(node.number, node.peerId)
    else this.peers.remove(node.number)
  }
}
