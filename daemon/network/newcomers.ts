import type { Connection, Stream } from '@libp2p/interface'
import type { Cancel, PeerId } from '../ports.ts'
import { counted } from './counters.ts'
import { messageOf } from './errors.ts'
import { greetOver, type HandshakeEnd, handshakeDeadline } from './greeter.ts'
import { fullRefusal, type HandshakeRules, type Refusal } from './handshake.ts'
import type { Link, Links } from './links.ts'
import { helloProtocol, protocolName } from './names.ts'
import type { NetworkOptions } from './options.ts'

/** Long enough for a refusal's reason to arrive before the connection is cut. */
const refusalLingerMs = 300
/** Two that dial at once have two; the rest is room for ones that the other side has lost already. */
const maxConnectionsPerPeer = 4
/** A peer's refusal is a warning in the log once in this time, then only a debug line. */
const refusalQuietMs = 60_000
const rememberedRefusals = 1000

export interface NewcomersPorts {
  readonly links: Links
  readonly ownAddresses: () => readonly string[]
  readonly hasRoomFor: (peer: PeerId) => boolean
  readonly greeted: (link: Link) => void
  /** By a verdict that will not change soon. */
  readonly refused: (peer: PeerId) => void
}

/** Connections from their opening to the end of their handshake. */
export class Newcomers {
  readonly #options: NetworkOptions
  readonly #ports: NewcomersPorts
  readonly #rules: HandshakeRules
  readonly #helloName: string
  readonly #deadlines = new Map<Link, Cancel>()
  readonly #warnedMs = new Map<PeerId, number>()
  /** No handshake ends before the caller had a turn to register its protocols. */
  readonly #ready = Promise.withResolvers<void>()
  #stopped = false

  constructor(options: NetworkOptions, ports: NewcomersPorts) {
    const { genesisHash, protocol, role, softwareVersion, networkName } = options
    this.#options = options
    this.#ports = ports
    this.#helloName = protocolName(networkName, helloProtocol)
    this.#rules = {
      genesisHash,
      protocol,
      role,
      softwareVersion,
      addresses: ports.ownAddresses,
      allow: peer => options.allow?.(peer) ?? true,
      hasRoomFor: ports.hasRoomFor,
    }
  }

  ready(): void {
    this.#ready.resolve()
  }

  stop(): void {
    this.#stopped = true
    for (const cancel of this.#deadlines.values()) cancel()
    this.#deadlines.clear()
  }

  opened(connection: Connection): void {
    if (this.#stopped) return
    const { links } = this.#ports
    if (links.countOf(connection.remotePeer.toString()) >= maxConnectionsPerPeer) {
      this.#options.counters.count(counted.handshakeRefused, { code: 'too-many-connections', by: 'us' })
      connection.abort(new Error('too many connections'))
      return
    }
    const link = links.add(connection)
    this.#deadlines.set(
      link,
      handshakeDeadline(this.#options.clock, refusal => this.#end(link, { refusal })),
    )
    if (link.dialler) void this.#greet(link)
  }

  /** The connection is gone, or its handshake is over. */
  forget(link: Link): void {
    this.#deadlines.get(link)?.()
    this.#deadlines.delete(link)
  }

  async #greet(link: Link): Promise<void> {
    link.greetingUnderWay = true
    try {
      await this.#ready.promise
      const stream = await link.connection.newStream([this.#helloName], { runOnLimitedConnection: true })
      greetOver(stream, link, this.#rules, end => this.#end(link, end))
    } catch (error) {
      this.#end(link, { refusal: this.#noGreeting(error) })
    }
  }

  #noGreeting(error: unknown): Refusal {
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
      const reason = `It does not speak ${this.#helloName}: it is of another network, or no Freehold node.`
      return { by: 'us', code: 'other-network', reason }
    }
    return { by: 'them', code: 'broken-off', reason: `It broke the handshake off: ${messageOf(error)}` }
  }

  /** The other side, which dialled, begins the handshake. */
  hello(stream: Stream, connection: Connection): void {
    const link = this.#ports.links.of(connection)
    if (link === undefined || link.state !== 'greeting' || link.greetingUnderWay) {
      this.#options.counters.count(counted.malformed, { where: 'hello' })
      stream.abort(new Error('there is one handshake in a connection, and its dialler begins it'))
      return
    }
    link.greetingUnderWay = true
    void this.#ready.promise.then(() => {
      greetOver(stream, link, this.#rules, end => this.#end(link, end))
    })
  }

  #end(link: Link, end: HandshakeEnd): void {
    if (link.state !== 'greeting') return
    this.forget(link)
    if ('refusal' in end) {
      this.#refuse(link, end.refusal)
      return
    }
    // Another handshake may have taken the last place while this one was under way.
    if (!this.#ports.hasRoomFor(link.peer)) {
      this.#refuse(link, fullRefusal)
      return
    }
    link.state = 'greeted'
    link.greeted = end.greeted
    this.#ports.greeted(link)
  }

  #refuse(link: Link, refusal: Refusal): void {
    const { counters, clock } = this.#options
    link.state = 'refused'
    counters.count(counted.handshakeRefused, { code: refusal.code, by: refusal.by })
    if (refusal.code === 'malformed') counters.count(counted.malformed, { where: 'hello' })
    for (const { stream } of link.held.splice(0)) stream.abort(new Error(refusal.code))
    // A handshake that broke off or came late may do better next time; a verdict will not change so soon.
    if (refusal.code !== 'broken-off' && refusal.code !== 'timeout') this.#ports.refused(link.peer)
    this.#logRefusal(link, refusal)
    clock.after(refusalLingerMs, () => link.connection.abort(new Error(`handshake refused: ${refusal.code}`)))
  }

  #logRefusal(link: Link, refusal: Refusal): void {
    const { clock, logger } = this.#options
    const nowMs = clock.monotonicMs()
    const facts = {
      peer: link.peer,
      address: link.connection.remoteAddr.toString(),
      code: refusal.code,
      refusedBy: refusal.by,
      reason: refusal.reason,
    }
    const message = refusal.by === 'us' ? 'a peer was refused' : 'a peer refused this node'
    const quiet = nowMs - (this.#warnedMs.get(link.peer) ?? Number.NEGATIVE_INFINITY) < refusalQuietMs
    if (quiet || this.#stopped) {
      logger.debug(facts, message)
      return
    }
    if (this.#warnedMs.size >= rememberedRefusals) this.#warnedMs.clear()
    this.#warnedMs.set(link.peer, nowMs)
    logger.warn(facts, message)
  }
}
