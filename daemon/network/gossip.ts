import { createHash } from 'node:crypto'
import {
  type GossipSub,
  type GossipSubComponents,
  gossipsub,
  type Message,
  TopicValidatorResult,
} from '@libp2p/gossipsub'
import type { Connection, PeerId as Libp2pPeerId, Stream, Topology } from '@libp2p/interface'
import type { Cancel, Clock, GossipListener, GossipVerdict, PeerId } from '../ports.ts'
import { counted } from './counters.ts'
import { messageOf } from './errors.ts'
import { type Admit, gatedRegistrar } from './gated-registrar.ts'
import { topicName } from './names.ts'
import type { Counters, Logger } from './options.ts'

/** Bytes of one gossip packet of a peer, which may hold several messages. */
const packetMaxBytes = 4 * 1024 * 1024
const outboundMaxBytes = 32 * 1024 * 1024
/** gossipsub charges about 1 KiB a topic, so this is some sixty topics; ours are few and coarse. */
const topicBytesPerPeer = 64 * 1024
/** Messages published while nobody listens to their topic. */
const maxWaiting = 64
const waitingRetryMs = 100
const penaltyForgivenPerRound = 1

interface Subscription {
  readonly topic: string
  readonly maxBytes: number
  readonly listener: GossipListener
}

/** gossipsub behind a gate: it sees a peer and a stream only after the handshake. */
export class Gossip {
  readonly #network: string
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #logger: Logger
  readonly #admit: Admit
  readonly #subscriptions = new Map<string, Subscription[]>()
  /** Invalid messages that a peer passed on, forgiven over time. */
  readonly #penalties = new Map<PeerId, number>()
  readonly #connections = new Map<PeerId, Connection>()
  #waiting: { readonly topic: string; readonly data: Uint8Array }[] = []
  #cancelWaiting: Cancel = () => {}
  #topology: Topology | undefined
  #pubsub: GossipSub | undefined

  constructor(network: string, clock: Clock, logger: Logger, counters: Counters, admit: Admit) {
    this.#network = network
    this.#clock = clock
    this.#logger = logger
    this.#counters = counters
    this.#admit = admit
  }

  /** A libp2p service factory. */
  service(): (components: GossipSubComponents) => GossipSub {
    const create = gossipsub({
      fallbackToFloodsub: false,
      runOnLimitedConnection: true,
      allowPublishToZeroTopicPeers: true,
      ignoreDuplicatePublishError: true,
      // By content and author, not by sequence number: what is said twice travels once, and nobody can suppress
      // another's message by saying the same under his own name first.
      msgIdFn: contentId,
      maxInboundDataLength: packetMaxBytes,
      maxOutboundBufferSize: outboundMaxBytes,
      maxTopicBytesPerPeer: topicBytesPerPeer,
      scoreParams: {
        // Testnets on loopback, LANs and players behind one NAT share an address: the default silences them past ten.
        IPColocationFactorWeight: 0,
        // No topic has parameters: the defaults punish a mesh in which few messages flow, which is how ours should be.
        topics: {},
        appSpecificScore: peer => -(this.#penalties.get(peer) ?? 0),
      },
    })
    return components => {
      const { privateKey, peerId, peerStore, connectionManager, logger } = components
      const registrar = gatedRegistrar(components.registrar, {
        admit: this.#admit,
        topology: topology => {
          this.#topology = topology
        },
      })
      const pubsub = create({ privateKey, peerId, peerStore, connectionManager, logger, registrar })
      this.#pubsub = pubsub
      return pubsub
    }
  }

  /** The listener hears a message before it goes on to others, and says whether it does. */
  subscribe(topic: string, maxBytes: number, listener: GossipListener): void {
    const pubsub = this.#started()
    const name = topicName(this.#network, topic)
    const known = this.#subscriptions.get(name) ?? []
    this.#subscriptions.set(name, [...known, { topic, maxBytes, listener }])
    pubsub.topicValidators.set(name, (peer, message) => this.#validate(peer, message))
    pubsub.subscribe(name)
  }

  /** What nobody listens to yet waits for the first who does; gossipsub would drop it and then call it said. */
  publish(topic: string, data: Uint8Array): void {
    if (this.#hasListener(topic)) {
      this.#publishNow(topic, data)
      return
    }
    if (this.#waiting.length === 0)
      this.#cancelWaiting = this.#clock.after(waitingRetryMs, () => this.#publishWaiting())
    this.#waiting.push({ topic, data })
    if (this.#waiting.length <= maxWaiting) return
    const dropped = this.#waiting.shift()
    this.#counters.count(counted.gossipRefused, { topic: dropped?.topic ?? '', code: 'nobody-listens' })
  }

  #publishWaiting(): void {
    for (const { topic, data } of this.#waiting.splice(0)) this.publish(topic, data)
  }

  /** Whether anybody is subscribed whom gossipsub can also reach: its stream to a new peer comes a little later. */
  #hasListener(topic: string): boolean {
    const { protocols } = this.#started()
    const isOpen = (stream: Stream) => stream.direction === 'outbound' && protocols.includes(stream.protocol)
    const subscribers = this.#started().getSubscribers(topicName(this.#network, topic))
    return subscribers.some(peer => this.#connections.get(peer.toString())?.streams.some(isOpen) === true)
  }

  #publishNow(topic: string, data: Uint8Array): void {
    this.#started()
      .publish(topicName(this.#network, topic), data)
      .catch((error: unknown) => {
        this.#counters.count(counted.gossipRefused, { topic, code: 'publish-failed' })
        this.#logger.warn({ topic, error: messageOf(error) }, 'could not publish to a topic')
      })
  }

  /** Called when the peer's handshake has passed, and again with another connection when that one went away. */
  connect(peer: PeerId, connection: Connection): void {
    if (this.#connections.get(peer) === connection) return
    if (this.#connections.has(peer)) this.disconnect(peer)
    this.#connections.set(peer, connection)
    void this.#topology?.onConnect?.(connection.remotePeer, connection)
  }

  disconnect(peer: PeerId): void {
    const connection = this.#connections.get(peer)
    if (connection === undefined) return
    this.#connections.delete(peer)
    void this.#topology?.onDisconnect?.(connection.remotePeer)
  }

  stop(): void {
    this.#cancelWaiting()
    this.#waiting = []
  }

  isOn(connection: Connection): boolean {
    return this.#connections.get(connection.remotePeer.toString()) === connection
  }

  /** Now and then: gossipsub does not open a stream again that broke while its connection lived. */
  heal(): void {
    for (const [peer, penalty] of this.#penalties) {
      if (penalty > penaltyForgivenPerRound) this.#penalties.set(peer, penalty - penaltyForgivenPerRound)
      else this.#penalties.delete(peer)
    }
    for (const connection of this.#connections.values()) {
      const open = connection.streams.some(
        stream => stream.direction === 'outbound' && this.#isGossip(stream),
      )
      if (!open && connection.status === 'open')
        void this.#topology?.onConnect?.(connection.remotePeer, connection)
    }
  }

  #isGossip(stream: Stream): boolean {
    // A stream whose protocol is still being negotiated may become one.
    return stream.protocol === '' || this.#started().protocols.includes(stream.protocol)
  }

  #started(): GossipSub {
    if (this.#pubsub === undefined) throw new Error('gossip is used before libp2p was made')
    return this.#pubsub
  }

  #validate(peer: Libp2pPeerId, message: Message): TopicValidatorResult {
    const subscriptions = this.#subscriptions.get(message.topic) ?? []
    const topic = subscriptions[0]?.topic ?? ''
    if (subscriptions.some(({ maxBytes }) => message.data.length > maxBytes)) {
      this.#counters.count(counted.gossipRefused, { topic, code: 'too-large' })
      return this.#reject(peer)
    }
    if (message.type !== 'signed') return TopicValidatorResult.Ignore
    const from = message.from.toString()
    const verdicts = subscriptions.map(({ listener }) => this.#hear(topic, listener, from, message.data))
    if (verdicts.includes('refuse')) return this.#reject(peer)
    return verdicts.includes('pass-on') ? TopicValidatorResult.Accept : TopicValidatorResult.Ignore
  }

  #reject(peer: Libp2pPeerId): TopicValidatorResult {
    const from = peer.toString()
    this.#penalties.set(from, (this.#penalties.get(from) ?? 0) + 1)
    return TopicValidatorResult.Reject
  }

  #hear(topic: string, listener: GossipListener, from: PeerId, data: Uint8Array): GossipVerdict {
    try {
      return listener(from, data)
    } catch (error) {
      this.#counters.count(counted.gossipRefused, { topic, code: 'listener-failed' })
      this.#logger.error({ topic, error: messageOf(error) }, 'a gossip listener failed')
      return 'drop'
    }
  }
}

function contentId(message: Message): Uint8Array {
  const hash = createHash('sha256').update(`${message.topic}\n`)
  if (message.type === 'signed') hash.update(message.from.toMultihash().bytes)
  return hash.update(message.data).digest()
}
