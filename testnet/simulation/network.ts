import type { Channel, GossipListener, Network, PeerId, ProtocolOptions } from '../../daemon/ports.ts'
import { channelPair, type SimChannel, type Wire } from './channel.ts'
import { DEFAULT_NETWORK, type LinkOptions, type NetworkOptions } from './link.ts'
import { type LinkEvents, Links } from './links.ts'
import type { SimRandom } from './random.ts'
import type { Scope } from './scope.ts'
import type { Simulation } from './simulation.ts'
import { Way } from './way.ts'

class SimNetworkError extends Error {
  override readonly name = 'NetworkError'
  readonly code: 'not-connected' | 'no-protocol' | 'too-many-channels'

  constructor(code: SimNetworkError['code'], message: string) {
    super(message)
    this.code = code
  }
}

interface Handler {
  readonly options: ProtocolOptions
  readonly accept: (channel: Channel) => void
}

interface Subscription {
  readonly maxBytes: number
  readonly listener: GossipListener
}

/** The network as one life of a node sees it. */
class SimNetwork implements Network {
  readonly scope: Scope
  readonly handlers = new Map<string, Handler>()
  readonly topics = new Map<string, Subscription[]>()
  readonly peerListeners: ((peer: PeerId, connected: boolean) => void)[] = []
  readonly connected = new Set<PeerId>()
  readonly #hub: SimNetworkHub

  constructor(hub: SimNetworkHub, scope: Scope) {
    this.#hub = hub
    this.scope = scope
  }

  get self(): PeerId {
    return this.scope.owner
  }

  peers(): PeerId[] {
    return [...this.connected]
  }

  onPeer(listener: (peer: PeerId, connected: boolean) => void): void {
    this.peerListeners.push(listener)
  }

  handle(name: string, options: ProtocolOptions, handler: (channel: Channel) => void): void {
    this.handlers.set(name, { options, accept: handler })
  }

  open(peer: PeerId, name: string): Promise<Channel> {
    return this.#hub.open(this, peer, name)
  }

  subscribe(topic: string, maxBytes: number, listener: GossipListener): void {
    const subscriptions = this.topics.get(topic) ?? []
    this.topics.set(topic, [...subscriptions, { maxBytes, listener }])
  }

  publish(topic: string, data: Uint8Array): void {
    this.#hub.publish(this, topic, data)
  }

  setConnected(peer: PeerId, connected: boolean): void {
    if (this.connected.has(peer) === connected) return
    if (connected) this.connected.add(peer)
    else this.connected.delete(peer)
    this.#hub.simulation.schedule(
      this.scope,
      0,
      `${this.self} ${connected ? 'meets' : 'loses'} ${peer}`,
      () => {
        for (const listener of this.peerListeners) listener(peer, connected)
      },
    )
  }
}

/**
 * All links. Every two nodes that live and can reach each other are connected; a channel is reliable and ordered as
 * TCP is, so loss shows as delay or as the end of a channel, and a partition as silence until the connection is given up.
 */
export class SimNetworkHub implements Wire, LinkEvents {
  readonly simulation: Simulation
  readonly random: SimRandom
  readonly links: Links
  options: NetworkOptions = DEFAULT_NETWORK
  readonly #nodes = new Map<PeerId, SimNetwork>()
  readonly #ways = new Map<string, Way>()
  #opened = 0
  readonly #channels = new Set<SimChannel>()

  constructor(simulation: Simulation) {
    this.simulation = simulation
    this.random = simulation.random.fork('network')
    this.links = new Links(simulation, this.options.link, this)
  }

  configure(options: Partial<NetworkOptions>): void {
    this.options = { ...this.options, ...options }
    if (options.link !== undefined) this.links.nature = options.link
  }

  link(from: PeerId, to: PeerId): LinkOptions {
    return this.links.get(from, to)
  }

  way(from: Scope, to: Scope): Way {
    const key = `${from.owner}#${from.incarnation}>${to.owner}#${to.incarnation}`
    const way = this.#ways.get(key) ?? new Way()
    this.#ways.set(key, way)
    return way
  }

  attach(scope: Scope): Network {
    const network = new SimNetwork(this, scope)
    this.#nodes.set(scope.owner, network)
    for (const other of this.#nodes.keys()) if (other !== scope.owner) this.#reconnect(scope.owner, other)
    return network
  }

  /** A process has died. Its kernel resets its connections, unless it went down silently, with the machine. */
  detach(name: PeerId, silent: boolean): void {
    const dead = this.#nodes.get(name)
    this.#nodes.delete(name)
    if (dead === undefined) return
    for (const peer of dead.connected) {
      const { delayMs, lingerMs } = this.link(name, peer)
      // What a dead process has sent may still arrive, and its next life be heard before that.
      const noticedMs = silent ? this.options.giveUpMs : delayMs + this.random.fraction() * lingerMs
      const other = this.#nodes.get(peer)
      if (other === undefined) continue
      const lost = [...this.#channels].filter(
        channel => channel.scope === other.scope && channel.peer === name && !channel.closed,
      )
      this.simulation.schedule(other.scope, noticedMs, `${peer} reset by ${name}`, () => {
        for (const channel of lost) channel.closeHere('connection-reset')
        // A new life of the peer may be connected by now; then nothing is said of the old one's end.
        if (this.#nodes.get(name)?.connected.has(peer) !== true) other.setConnected(name, false)
      })
    }
    for (const channel of this.#channels)
      if (channel.closed || !channel.scope.alive) this.#channels.delete(channel)
  }

  open(from: SimNetwork, peer: PeerId, name: string): Promise<Channel> {
    const there = this.link(from.self, peer)
    const roundTripMs = there.delayMs + this.link(peer, from.self).delayMs
    return new Promise((resolve, reject) => {
      const text = `${from.self}>${peer} opens ${name}`
      this.simulation.schedule(from.scope, roundTripMs, text, () => {
        const result = this.#connectChannel(from, peer, name)
        if (result instanceof SimNetworkError) reject(result)
        else resolve(result)
      })
    })
  }

  publish(from: SimNetwork, topic: string, data: Uint8Array): void {
    if (!from.scope.alive) return
    for (const peer of from.connected) {
      const link = this.link(from.self, peer)
      if (link.blocked || this.random.chance(link.lossRate)) {
        this.simulation.countFault('lost-gossip')
        continue
      }
      this.#gossip(from.self, peer, topic, data.slice(), link)
      if (!this.random.chance(link.duplicateRate)) continue
      this.simulation.countFault('duplicated-gossip')
      this.#gossip(from.self, peer, topic, data.slice(), link)
    }
  }

  #gossip(from: PeerId, to: PeerId, topic: string, data: Uint8Array, link: LinkOptions): void {
    // Each on its own way: gossip that jitters is reordered.
    const delayMs = link.delayMs + this.random.fraction() * link.jitterMs
    const target = this.#nodes.get(to)
    if (target === undefined) return
    this.simulation.schedule(target.scope, delayMs, `${from}>${to} gossip ${topic} ${data.length}`, () => {
      for (const { maxBytes, listener } of target.topics.get(topic) ?? []) {
        if (data.length <= maxBytes) listener(from, data)
        else this.simulation.countFault('gossip-too-long')
      }
    })
  }

  #connectChannel(from: SimNetwork, peer: PeerId, name: string): SimChannel | SimNetworkError {
    const to = this.#nodes.get(peer)
    if (to === undefined || !from.connected.has(peer) || this.#cut(from.self, peer)) {
      return new SimNetworkError('not-connected', `${peer} is not connected`)
    }
    const handler = to.handlers.get(name)
    if (handler === undefined) return new SimNetworkError('no-protocol', `${peer} does not speak ${name}`)
    let open = 0
    for (const channel of this.#channels) {
      if (channel.closed) this.#channels.delete(channel)
      else if (!channel.accepted || channel.scope !== to.scope) continue
      else if (channel.peer === from.self && channel.protocol === name) open++
    }
    if (open >= handler.options.maxChannelsPerPeer) {
      this.simulation.countFault('too-many-channels')
      return new SimNetworkError('too-many-channels', `${peer} takes no more channels of ${name}`)
    }
    const [near, far] = channelPair(this, from.scope, to.scope, name, handler.options, ++this.#opened)
    this.#channels.add(near).add(far)
    this.simulation.schedule(to.scope, 0, `${peer} accepts ${name} of ${from.self}`, () =>
      handler.accept(far),
    )
    return near
  }

  #cut(a: PeerId, b: PeerId): boolean {
    return this.link(a, b).blocked || this.link(b, a).blocked
  }

  blocked(from: PeerId, to: PeerId): void {
    const text = `${from}-${to} give up`
    this.simulation.schedule(undefined, this.options.giveUpMs, text, () => {
      if (!this.link(from, to).blocked) return
      this.#disconnect(from, to, 'gave-up')
    })
  }

  #disconnect(a: PeerId, b: PeerId, reason: string): void {
    for (const channel of this.#channels) {
      const ends = [channel.scope.owner, channel.peer]
      if (!ends.includes(a) || !ends.includes(b)) continue
      this.simulation.schedule(channel.scope, 0, '', () => channel.closeHere(reason))
    }
    this.#setPair(a, b, false)
  }

  unblocked(from: PeerId, to: PeerId): void {
    for (const channel of this.#channels) {
      if (channel.scope.owner === from && channel.peer === to && !channel.closed) channel.unblock()
    }
    this.#reconnect(from, to)
  }

  /** Nodes look for each other by themselves; they find each other a little later. */
  #reconnect(a: PeerId, b: PeerId): void {
    const afterMs = this.random.between(0.5, 1.5) * this.options.reconnectMs
    this.simulation.schedule(undefined, afterMs, `${a}-${b} connect`, () => {
      if (!this.#cut(a, b)) this.#setPair(a, b, true)
    })
  }

  #setPair(a: PeerId, b: PeerId, connected: boolean): void {
    const left = this.#nodes.get(a)
    const right = this.#nodes.get(b)
    if (connected && (left === undefined || right === undefined)) return
    left?.setConnected(b, connected)
    right?.setConnected(a, connected)
  }
}
