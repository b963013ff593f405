import type { Connection, Stream } from '@libp2p/interface'
import type { PeerId } from '../ports.ts'
import { isRelayed } from './addresses.ts'
import type { Greeted } from './options.ts'

const maxHeldStreams = 32
/** What a peer may send on a stream before its handshake is through. */
const heldStreamMaxBytes = 256 * 1024

/** One libp2p connection and how far its handshake is. */
export interface Link {
  readonly connection: Connection
  readonly peer: PeerId
  readonly dialler: boolean
  /** By way of another node, which limits it: good until there is a direct one. */
  readonly relayed: boolean
  state: 'greeting' | 'greeted' | 'refused' | 'closed'
  greetingUnderWay: boolean
  greeted: Greeted | undefined
  readonly held: { readonly stream: Stream; readonly admit: () => void }[]
}

/** All connections, and by peer those that passed the handshake. Two sides that dial at once have two for a while. */
export class Links {
  readonly #self: PeerId
  readonly #byConnection = new Map<string, Link>()
  readonly #byPeer = new Map<PeerId, Link[]>()

  constructor(self: PeerId) {
    this.#self = self
  }

  add(connection: Connection): Link {
    const link: Link = {
      connection,
      peer: connection.remotePeer.toString(),
      dialler: connection.direction === 'outbound',
      relayed: isRelayed(connection.remoteAddr.toString()),
      state: 'greeting',
      greetingUnderWay: false,
      greeted: undefined,
      held: [],
    }
    this.#byConnection.set(connection.id, link)
    this.#byPeer.set(link.peer, [...(this.#byPeer.get(link.peer) ?? []), link])
    return link
  }

  of(connection: Connection): Link | undefined {
    return this.#byConnection.get(connection.id)
  }

  remove(link: Link): void {
    link.state = 'closed'
    this.#byConnection.delete(link.connection.id)
    const others = (this.#byPeer.get(link.peer) ?? []).filter(other => other !== link)
    if (others.length > 0) this.#byPeer.set(link.peer, others)
    else this.#byPeer.delete(link.peer)
  }

  all(): Link[] {
    return [...this.#byConnection.values()]
  }

  /** Any connection at all, whatever its handshake says. */
  isConnected(peer: PeerId): boolean {
    return this.#byPeer.has(peer)
  }

  countOf(peer: PeerId): number {
    return this.#byPeer.get(peer)?.length ?? 0
  }

  isGreeted(peer: PeerId): boolean {
    return (this.#byPeer.get(peer) ?? []).some(link => link.state === 'greeted')
  }

  greetedLinks(peer: PeerId): Link[] {
    return (this.#byPeer.get(peer) ?? []).filter(link => link.state === 'greeted')
  }

  /** Both sides name the same one of two: a direct one, and of these what the side with the smaller id dialled. */
  preferred(peer: PeerId): Link | undefined {
    const greeted = this.greetedLinks(peer)
    const direct = greeted.filter(link => !link.relayed)
    const links = direct.length > 0 ? direct : greeted
    const weDial = this.#self < peer
    return links.find(link => link.dialler === weDial) ?? links[0]
  }
}

/** Lets a stream in, keeps it until the handshake is through, or turns it away; true unless turned away. */
export function admitOrHold(link: Link | undefined, stream: Stream, admit: () => void): boolean {
  if (link?.state === 'greeted') {
    admit()
    return true
  }
  if (link?.state !== 'greeting' || link.held.length >= maxHeldStreams) {
    stream.abort(new Error('the handshake has not been passed'))
    return false
  }
  stream.maxReadBufferLength = heldStreamMaxBytes
  link.held.push({ stream, admit })
  return true
}
