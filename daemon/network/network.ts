import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Cancel, Channel, GossipListener, PeerId, ProtocolOptions } from '../ports.ts'
import { Channels } from './channels.ts'
import { counted } from './counters.ts'
import { Dialler } from './dialler.ts'
import { messageOf, NetworkError } from './errors.ts'
import { Gossip } from './gossip.ts'
import { greetOver, type HandshakeEnd, handshakeDeadline } from './greeter.ts'
import { fullRefusal, type HandshakeRules, type Refusal } from './handshake.ts'
import { createHost, dialTimeoutMs, startHost } from './host.ts'
import { admitOrHold, type Link, Links } from './links.ts'
import { helloProtocol, protocolName } from './names.ts'
import type { NetworkOptions, NetworkStats, RunningNetwork } from './options.ts'
import { peerIdOfSeed } from './peer-id.ts'

/** Long enough for a refusal's reason to arrive before the connection is cut. */
const refusalLingerMs = 300
const upkeepMs = 2000
/** Two that dial at once have two; the rest is room for ones that the other side has lost already. */
const maxConnectionsPerPeer = 4
/** A peer's refusal is a warning in the log once in this time, then only a debug line. */
const refusalQuietMs = 60_000
const rememberedRefusals = 1000

/**
 * Starts the libp2p host and goes on dialling the bootstrap peers and those of the last run. What the caller registers
 * in the turn in which the promise resolves (`handle`, `subscribe`, `onPeer`) is there before the first peer gets in.
 * Throws NetworkError: `port-in-use`, `cannot-listen`, `bad-address`.
 */
export async function startNetwork(options: NetworkOptions): Promise<RunningNetwork> {
  checkAddresses(options.listenAddresses)
  const self = await peerIdOfSeed(options.identitySeed)
  const network = new Libp2pNetwork(self, options)
  await network.start()
  return network
}

class Libp2pNetwork implements RunningNetwork {
  readonly self: PeerId
  readonly #options: NetworkOptions
  readonly #rules: HandshakeRules
  readonly #links: Links
  readonly #dialler: Dialler
  readonly #gossip: Gossip
  readonly #channels: Channels
  readonly #peerListeners: ((peer: PeerId, connected: boolean) => void)[] = []
  readonly #visible = new Set<PeerId>()
  readonly #founders: ReadonlySet<PeerId>
  readonly #deadlines = new Map<Link, Cancel>()
  readonly #warnedMs = new Map<PeerId, number>()
  /** No handshake ends before the caller had a turn to register its protocols. */
  readonly #ready = Promise.withResolvers<void>()
  #host: Libp2p | undefined
  #cancelUpkeep: Cancel = () => {}
  #stopping: Promise<void> | undefined

  constructor(self: PeerId, options: NetworkOptions) {
    this.self = self
    this.#options = options
    const { genesisHash, protocol, role, softwareVersion, networkName, logger, counters } = options
    this.#rules = {
      genesisHash,
      protocol,
      role,
      softwareVersion,
      addresses: () => this.listenAddresses(),
      allow: peer => options.allow?.(peer) ?? true,
      hasRoomFor: peer => this.#hasRoomFor(peer),
    }
    this.#founders = new Set(options.bootstrap.map(({ peerId }) => peerId))
    this.#links = new Links(self)
    this.#dialler = new Dialler(self, {
      ...options,
      isConnected: peer => this.#links.isConnected(peer),
      isGreeted: peer => this.#links.isGreeted(peer),
      dial: (peer, addresses) => this.#dial(peer, addresses),
    })
    this.#channels = new Channels(networkName, logger, counters)
    this.#gossip = new Gossip(
      networkName,
      options.clock,
      logger,
      counters,
      (stream, connection, protocol, admit) => this.#admit(stream, connection, protocol, admit),
    )
  }

  async start(): Promise<void> {
    const { identitySeed, listenAddresses, softwareVersion, bootstrap, maxPeers, logger } = this.#options
    const host = await createHost({
      identitySeed,
      listenAddresses,
      softwareVersion,
      maxPeers,
      gossip: () => this.#gossip.service(),
    })
    this.#host = host
    host.addEventListener('connection:open', event => this.#onConnection(event.detail))
    host.addEventListener('connection:close', event => this.#onConnectionClosed(event.detail))
    await host.handle(this.#name(helloProtocol), (stream, connection) => this.#onHello(stream, connection))
    await this.#dialler.load(bootstrap)
    await startHost(host, listenAddresses)
    logger.info({ peer: this.self, addresses: this.listenAddresses() }, 'the network is up')
    this.#dialler.start()
    this.#upkeep()
    this.#options.clock.after(0, this.#ready.resolve)
  }

  peers(): PeerId[] {
    return [...this.#visible]
  }

  onPeer(listener: (peer: PeerId, connected: boolean) => void): void {
    this.#peerListeners.push(listener)
  }

  handle(name: string, options: ProtocolOptions, handler: (channel: Channel) => void): void {
    this.#channels.register(name, options, handler)
    const limit = this.#channels.libp2pStreamLimit(name)
    const accept = (stream: Stream, connection: Connection): void => {
      this.#admit(stream, connection, name, () => this.#channels.accept(name, stream, connection))
    }
    this.#running()
      .handle(this.#name(name), accept, { maxInboundStreams: limit, maxOutboundStreams: limit })
      .catch((error: unknown) =>
        this.#options.logger.error({ name, error: messageOf(error) }, 'could not register'),
      )
  }

  open(peer: PeerId, name: string): Promise<Channel> {
    if (this.#stopping !== undefined)
      return Promise.reject(new NetworkError('stopped', 'The network has been stopped.'))
    return this.#channels.open(name, peer, this.#links.preferred(peer)?.connection)
  }

  subscribe(topic: string, maxBytes: number, listener: GossipListener): void {
    this.#gossip.subscribe(topic, maxBytes, listener)
  }

  publish(topic: string, data: Uint8Array): void {
    if (this.#stopping === undefined) this.#gossip.publish(topic, data)
  }

  listenAddresses(): string[] {
    return this.#running()
      .getMultiaddrs()
      .map(address => withoutPeer(address.toString()))
  }

  stats(): NetworkStats {
    const peers = this.peers().flatMap(peer => {
      const links = this.#links.greetedLinks(peer)
      const [link] = links
      if (link?.greeted === undefined) return []
      return [
        {
          ...link.greeted,
          connections: links.length,
          channels: this.#channels.countOf(peer),
          direction: link.dialler ? ('outbound' as const) : ('inbound' as const),
          connectedMs: this.#options.clock.wallMs() - link.connection.timeline.open,
          roundTripMs: link.connection.rtt,
          address: link.connection.remoteAddr.toString(),
        },
      ]
    })
    const greeting = this.#links.all().filter(link => link.state === 'greeting').length
    return { peers, greeting, dialling: this.#dialler.dialling, knownPeers: this.#dialler.knownPeers }
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    const host = this.#running()
    this.#cancelUpkeep()
    this.#dialler.stop()
    for (const cancel of this.#deadlines.values()) cancel()
    this.#deadlines.clear()
    this.#gossip.stop()
    this.#channels.closeAll('this node is stopping')
    const stopped = Promise.resolve(host.stop()).catch((error: unknown) => {
      this.#options.logger.warn({ error: messageOf(error) }, 'libp2p did not stop in good order')
    })
    let cancel: Cancel = () => {}
    const late = new Promise<'late'>(resolve => {
      cancel = this.#options.clock.after(deadlineMs, () => resolve('late'))
    })
    if ((await Promise.race([stopped, late])) === 'late') {
      this.#options.logger.warn({ deadlineMs }, 'libp2p did not stop in time; its connections are cut')
    }
    cancel()
    for (const link of this.#links.all()) link.connection.abort(new Error('this node has stopped'))
  }

  // --- connections and their handshake

  #onConnection(connection: Connection): void {
    if (this.#stopping !== undefined) return
    if (this.#links.countOf(connection.remotePeer.toString()) >= maxConnectionsPerPeer) {
      this.#options.counters.count(counted.handshakeRefused, { code: 'too-many-connections', by: 'us' })
      connection.abort(new Error('too many connections'))
      return
    }
    const link = this.#links.add(connection)
    this.#deadlines.set(
      link,
      handshakeDeadline(this.#options.clock, refusal => this.#onHandshake(link, { refusal })),
    )
    if (link.dialler) void this.#greet(link)
  }

  async #greet(link: Link): Promise<void> {
    link.greetingUnderWay = true
    try {
      await this.#ready.promise
      const stream = await link.connection.newStream([this.#name(helloProtocol)])
      greetOver(stream, link, this.#rules, end => this.#onHandshake(link, end))
    } catch (error) {
      this.#onHandshake(link, { refusal: this.#noGreeting(error) })
    }
  }

  #noGreeting(error: unknown): Refusal {
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
      const reason = `It does not speak ${this.#name(helloProtocol)}: it is of another network, or no Freehold node.`
      return { by: 'us', code: 'other-network', reason }
    }
    return { by: 'them', code: 'broken-off', reason: `It broke the handshake off: ${messageOf(error)}` }
  }

  #onHello(stream: Stream, connection: Connection): void {
    const link = this.#links.of(connection)
    if (link === undefined || link.state !== 'greeting' || link.greetingUnderWay) {
      this.#options.counters.count(counted.malformed, { where: 'hello' })
      stream.abort(new Error('there is one handshake in a connection, and its dialler begins it'))
      return
    }
    link.greetingUnderWay = true
    void this.#ready.promise.then(() => {
      greetOver(stream, link, this.#rules, end => this.#onHandshake(link, end))
    })
  }

  #onHandshake(link: Link, end: HandshakeEnd): void {
    if (link.state !== 'greeting') return
    this.#deadlines.get(link)?.()
    this.#deadlines.delete(link)
    if ('refusal' in end) {
      this.#refuse(link, end.refusal)
      return
    }
    // Another handshake may have taken the last place while this one was under way.
    if (!this.#hasRoomFor(link.peer)) {
      this.#refuse(link, fullRefusal)
      return
    }
    link.state = 'greeted'
    link.greeted = end.greeted
    this.#remember(link)
    for (const { admit } of link.held.splice(0)) admit()
    this.#update(link.peer)
  }

  #hasRoomFor(peer: PeerId): boolean {
    const has = this.#visible.has(peer) || this.#founders.has(peer)
    return has || this.#visible.size < this.#options.maxPeers
  }

  #refuse(link: Link, refusal: Refusal): void {
    const { counters, clock } = this.#options
    link.state = 'refused'
    counters.count(counted.handshakeRefused, { code: refusal.code, by: refusal.by })
    if (refusal.code === 'malformed') counters.count(counted.malformed, { where: 'hello' })
    for (const { stream } of link.held.splice(0)) stream.abort(new Error(refusal.code))
    // A handshake that broke off or came late may do better next time; a verdict will not change so soon.
    if (refusal.code !== 'broken-off' && refusal.code !== 'timeout') this.#dialler.refused(link.peer)
    this.#logRefusal(link, refusal)
    clock.after(refusalLingerMs, () => link.connection.abort(new Error(`handshake refused: ${refusal.code}`)))
  }

  #logRefusal(link: Link, refusal: Refusal): void {
    const nowMs = this.#nowMs()
    const facts = {
      peer: link.peer,
      address: link.connection.remoteAddr.toString(),
      code: refusal.code,
      refusedBy: refusal.by,
      reason: refusal.reason,
    }
    const message = refusal.by === 'us' ? 'a peer was refused' : 'a peer refused this node'
    const quiet = nowMs - (this.#warnedMs.get(link.peer) ?? Number.NEGATIVE_INFINITY) < refusalQuietMs
    if (quiet || this.#stopping !== undefined) {
      this.#options.logger.debug(facts, message)
      return
    }
    if (this.#warnedMs.size >= rememberedRefusals) this.#warnedMs.clear()
    this.#warnedMs.set(link.peer, nowMs)
    this.#options.logger.warn(facts, message)
  }

  #onConnectionClosed(connection: Connection): void {
    const link = this.#links.of(connection)
    if (link === undefined) return
    this.#deadlines.get(link)?.()
    this.#deadlines.delete(link)
    const wasGreeted = link.state === 'greeted'
    this.#links.remove(link)
    for (const { stream } of link.held.splice(0)) stream.abort(new Error('the connection was closed'))
    this.#channels.closeOn(connection.id)
    this.#update(link.peer)
    this.#dialler.disconnected(link.peer, wasGreeted)
  }

  /** Tells the world above and gossip whether the peer is there, and over which connection. */
  #update(peer: PeerId): void {
    const link = this.#links.preferred(peer)
    if (link === undefined) this.#gossip.disconnect(peer)
    else if (!this.#links.greetedLinks(peer).some(other => this.#gossip.isOn(other.connection))) {
      this.#gossip.connect(peer, link.connection)
    }
    const connected = link !== undefined
    if (connected === this.#visible.has(peer)) return
    if (connected) this.#visible.add(peer)
    else this.#visible.delete(peer)
    this.#options.counters.count(counted.peer, { event: connected ? 'up' : 'down' })
    this.#options.logger.info(
      { peer, role: link?.greeted?.role },
      connected ? 'peer connected' : 'peer disconnected',
    )
    for (const listener of this.#peerListeners) {
      try {
        listener(peer, connected)
      } catch (error) {
        this.#options.logger.error({ peer, error: messageOf(error) }, 'a peer listener failed')
      }
    }
  }

  #admit(stream: Stream, connection: Connection, protocol: string, admit: () => void): void {
    if (admitOrHold(this.#links.of(connection), stream, admit)) return
    this.#options.counters.count(counted.channelRefused, { protocol, code: 'not-greeted' })
  }

  // --- known peers and dialling

  #remember(link: Link): void {
    const remote = withoutPeer(link.connection.remoteAddr.toString())
    const told = link.greeted?.addresses ?? []
    // Its loopback is not ours, unless that is how it came.
    const usable = told.filter(address => isLoopback(remote) || !isLoopback(address))
    this.#dialler.greeted(link.peer, [...(link.dialler ? [remote] : []), ...usable])
  }

  async #dial(peer: PeerId, addresses: readonly string[]): Promise<void> {
    const targets = addresses.map(address => multiaddr(`${address}/p2p/${peer}`))
    await this.#running().dial(targets, { signal: AbortSignal.timeout(dialTimeoutMs) })
  }

  #upkeep(): void {
    this.#gossip.heal()
    for (const peer of this.#visible) this.#closeDuplicates(peer)
    this.#cancelUpkeep = this.#options.clock.after(upkeepMs, () => this.#upkeep())
  }

  /** Of two connections the one that nothing uses goes; the side with the smaller id does it, so that they don't cross. */
  #closeDuplicates(peer: PeerId): void {
    const links = this.#links.greetedLinks(peer)
    const preferred = this.#links.preferred(peer)
    if (links.length < 2 || preferred === undefined) return
    this.#gossip.connect(peer, preferred.connection)
    if (this.self > peer) return
    for (const { connection } of links) {
      if (connection === preferred.connection || this.#channels.usesConnection(connection.id)) continue
      if (connection.streams.some(stream => stream.protocol.startsWith('/meshsub/'))) continue
      Promise.resolve(connection.close()).catch(() => connection.abort(new Error('a duplicate connection')))
    }
  }

  #name(name: string): string {
    return protocolName(this.#options.networkName, name)
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }

  #running(): Libp2p {
    if (this.#host === undefined) throw new NetworkError('stopped', 'The network is not running.')
    return this.#host
  }
}

function checkAddresses(addresses: readonly string[]): void {
  for (const address of addresses) {
    try {
      multiaddr(address)
    } catch {
      const advice = `"${address}" is no multiaddr; a listen address looks like /ip4/0.0.0.0/tcp/4001.`
      throw new NetworkError('bad-address', advice, { address })
    }
  }
}

function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}

function isLoopback(address: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)
}
