import type { Connection, Stream } from '@libp2p/interface'
import type { Channel, PeerId, ProtocolOptions } from '../ports.ts'
import { type ChannelFault, type ChannelOwner, StreamChannel } from './channel.ts'
import { counted } from './counters.ts'
import { messageOf, NetworkError } from './errors.ts'
import { updateWindowSeldom } from './lean-yamux.ts'
import { protocolName } from './names.ts'
import type { Counters, Logger } from './options.ts'

/** libp2p counts streams that are still closing; ours is the limit that is meant, and it is counted. */
const libp2pLimitSlack = 64
const openTimeoutMs = 5000

interface Protocol {
  readonly options: ProtocolOptions
  readonly handler: (channel: Channel) => void
}

/** All channels of a node, with the limits of their protocols. */
export class Channels implements ChannelOwner {
  readonly #network: string
  readonly #logger: Logger
  readonly #counters: Counters
  readonly #protocols = new Map<string, Protocol>()
  readonly #open = new Set<StreamChannel>()
  /** Channels by `opener protocol peer`, with those that are being opened. */
  readonly #counts = new Map<string, number>()

  constructor(network: string, logger: Logger, counters: Counters) {
    this.#network = network
    this.#logger = logger
    this.#counters = counters
  }

  register(name: string, options: ProtocolOptions, handler: (channel: Channel) => void): void {
    if (this.#protocols.has(name)) throw new Error(`protocol ${name} has a handler already`)
    this.#protocols.set(name, { options, handler })
  }

  libp2pStreamLimit(name: string): number {
    return (this.#protocols.get(name)?.options.maxChannelsPerPeer ?? 0) + libp2pLimitSlack
  }

  /** A stream that a peer opened, on a connection whose handshake has passed. */
  accept(name: string, stream: Stream, connection: Connection): void {
    const protocol = this.#protocols.get(name)
    if (protocol === undefined) return
    const peer = connection.remotePeer.toString()
    const key = countKey('them', name, peer)
    if (this.#countAt(key) >= protocol.options.maxChannelsPerPeer) {
      this.#counters.count(counted.channelRefused, { protocol: name, code: 'too-many-channels' })
      stream.abort(new Error('too many channels of this protocol'))
      return
    }
    this.#add(key)
    const channel = this.#create(name, stream, connection, peer, 'them', protocol)
    try {
      protocol.handler(channel)
    } catch (error) {
      this.onFault(channel, 'listener-failed', messageOf(error))
      channel.close('its handler failed')
    }
  }

  async open(name: string, peer: PeerId, connection: Connection | undefined): Promise<Channel> {
    const protocol = this.#protocols.get(name)
    if (protocol === undefined) {
      throw new NetworkError('unknown-protocol', `This node has no handler for ${name}.`, { protocol: name })
    }
    if (connection === undefined) {
      throw new NetworkError('not-connected', `There is no connection to peer ${peer}.`, { peer })
    }
    const key = countKey('us', name, peer)
    if (this.#countAt(key) >= protocol.options.maxChannelsPerPeer) {
      const message = `Peer ${peer} allows ${protocol.options.maxChannelsPerPeer} channels of ${name}, all of them open.`
      throw new NetworkError('too-many-channels', message, { peer, protocol: name })
    }
    this.#add(key)
    try {
      const signal = AbortSignal.timeout(openTimeoutMs)
      const stream = await connection.newStream([protocolName(this.#network, name)], {
        signal,
        runOnLimitedConnection: true,
      })
      return this.#create(name, stream, connection, peer, 'us', protocol)
    } catch (error) {
      this.#subtract(key)
      throw this.#openError(error, name, peer)
    }
  }

  countOf(peer: PeerId): number {
    let count = 0
    for (const channel of this.#open) if (channel.peer === peer) count += 1
    return count
  }

  usesConnection(connectionId: string): boolean {
    for (const channel of this.#open) if (channel.connectionId === connectionId) return true
    return false
  }

  closeOn(connectionId: string): void {
    for (const channel of [...this.#open]) {
      if (channel.connectionId === connectionId) channel.close('the connection was closed')
    }
  }

  closeAll(reason: string): void {
    for (const channel of [...this.#open]) channel.close(reason)
  }

  onFault(channel: StreamChannel, fault: ChannelFault, detail: string): void {
    const facts = { peer: channel.peer, protocol: channel.protocol, fault, detail }
    if (fault === 'listener-failed') this.#logger.error(facts, 'a channel listener failed')
    else this.#logger.warn(facts, 'a channel was ended')
    if (fault === 'frame-too-large')
      this.#counters.count(counted.frameTooLarge, { protocol: channel.protocol })
    else this.#counters.count(counted.channelRefused, { protocol: channel.protocol, code: fault })
  }

  onEnd(channel: StreamChannel): void {
    if (this.#open.delete(channel)) this.#subtract(countKey(channel.opener, channel.protocol, channel.peer))
  }

  #create(
    name: string,
    stream: Stream,
    connection: Connection,
    peer: PeerId,
    opener: 'us' | 'them',
    protocol: Protocol,
  ): StreamChannel {
    const facts = { peer, protocol: name, opener, connectionId: connection.id, ...protocol.options }
    updateWindowSeldom(stream)
    const channel = new StreamChannel(stream, facts, this)
    this.#open.add(channel)
    return channel
  }

  #openError(error: unknown, name: string, peer: PeerId): NetworkError {
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
      this.#counters.count(counted.unknownProtocol, { protocol: name })
      return new NetworkError('unknown-protocol', `Peer ${peer} does not speak ${name}.`, {
        peer,
        protocol: name,
      })
    }
    const message = `Could not open ${name} to peer ${peer}: ${messageOf(error)}`
    return new NetworkError('open-failed', message, { peer, protocol: name })
  }

  #countAt(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  #add(key: string): void {
    this.#counts.set(key, this.#countAt(key) + 1)
  }

  #subtract(key: string): void {
    const left = this.#countAt(key) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
  }
}

function countKey(opener: 'us' | 'them', name: string, peer: PeerId): string {
  return `${opener} ${name} ${peer}`
}
