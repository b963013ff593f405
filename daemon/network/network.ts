import type { Connection, IdentifyResult, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Cancel, Channel, PeerId, ProtocolOptions } from '../ports.ts'
import { Channels } from './channels.ts'
import { counted } from './counters.ts'
import { DialPlan } from './dial-plan.ts'
import { messageOf, NetworkError } from './errors.ts'
import { Gossip } from './gossip.ts'
import { greetOver, type HandshakeEnd, handshakeDeadline } from './greeter.ts'
import type { HandshakeRules, Refusal } from './handshake.ts'
import { createHost, dialTimeoutMs, startHost } from './host.ts'
import { KnownPeers } from './known-peers.ts'
import { admitOrHold, type Link, Links } from './links.ts'
import { helloProtocol, protocolName } from './names.ts'
import type { NetworkOptions, NetworkStats, RunningNetwork } from './options.ts'
import { peerIdOfSeed } from './peer-id.ts'

/** Long enough for a refusal's reason to arrive before the connection is cut. */
const refusalLingerMs = 300
const saveDelayMs = 1000
const upkeepMs = 2000
/** A peer's refusal is a warning in the log once in this time, then only a debug line. */
const refusalQuietMs = 60_000
const rememberedRefusals = 1000

/**
 * Starts the libp2p host and goes on dialling the bootstrap peers and those of the last run.
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
  readonly #plan: DialPlan
  readonly #known = new KnownPeers()
  readonly #gossip: Gossip
  readonly #channels: Channels
  readonly #peerListeners: ((peer: PeerId, connected: boolean) => void)[] = []
  readonly #visible = new Set<PeerId>()
  readonly #deadlines = new Map<Link, Cancel>()
  readonly #warnedMs = new Map<PeerId, number>()
  #host: Libp2p | undefined
  #cancelDial: Cancel = () => {}
  #cancelSave: Cancel | undefined
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
      allow: peer => options.allow?.(peer) ?? true,
    }
    this.#links = new Links(self)
    this.#plan = new DialPlan(self, options.random)
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
    const { identitySeed, listenAddresses, softwareVersion, bootstrap, logger } = this.#options
    const host = await createHost({
      identitySeed,
      listenAddresses,
      softwareVersion,
      gossip: () => this.#gossip.service(),
    })
    this.#host = host
    host.addEventListener('connection:open', event => this.#onConnection(event.detail))
    host.addEventListener('connection:close', event => this.#onConnectionClosed(event.detail))
    host.addEventListener('peer:identify', event => this.#onIdentified(event.detail))
    await host.handle(this.#name(helloProtocol), (stream, connection) => this.#onHello(stream, connection))
    await startHost(host, listenAddresses)
    const nowMs = this.#nowMs()
    for (const peer of bootstrap) this.#plan.learn(peer.peerId, peer.addresses, true, nowMs)
    for (const peer of await this.#loadKnown()) {
      this.#known.seen(peer)
      this.#plan.learn(peer.peerId, peer.addresses, false, nowMs)
    }
    logger.info({ peer: this.self, addresses: this.listenAddresses() }, 'the network is up')
    this.#dialDue()
    this.#upkeep()
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

  subscribe(topic: string, maxBytes: number, listener: (from: PeerId, data: Uint8Array) => void): void {
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
      const greeted = links[0]?.greeted
      if (greeted === undefined) return []
      const addresses = this.#known.addressesOf(peer)
      return [{ ...greeted, connections: links.length, channels: this.#channels.countOf(peer), addresses }]
    })
    const greeting = this.#links.all().filter(link => link.state === 'greeting').length
    return { peers, greeting, dialling: this.#plan.dialling, knownPeers: this.#known.size }
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    const host = this.#running()
    this.#cancelDial()
    this.#cancelUpkeep()
    if (this.#cancelSave !== undefined) this.#saveKnown()
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
    greetOver(stream, link, this.#rules, end => this.#onHandshake(link, end))
  }

  #onHandshake(link: Link, end: HandshakeEnd): void {
    if (link.state !== 'greeting') return
    this.#deadlines.get(link)?.()
    this.#deadlines.delete(link)
    if ('refusal' in end) {
      this.#refuse(link, end.refusal)
      return
    }
    link.state = 'greeted'
    link.greeted = end.greeted
    this.#plan.greeted(link.peer)
    this.#remember(link)
    for (const { admit } of link.held.splice(0)) admit()
    this.#update(link.peer)
  }

  #refuse(link: Link, refusal: Refusal): void {
    const { counters, clock } = this.#options
    link.state = 'refused'
    counters.count(counted.handshakeRefused, { code: refusal.code, by: refusal.by })
    if (refusal.code === 'malformed') counters.count(counted.malformed, { where: 'hello' })
    for (const { stream } of link.held.splice(0)) stream.abort(new Error(refusal.code))
    // A handshake that broke off or came late may do better next time; a verdict will not change so soon.
    if (refusal.code !== 'broken-off' && refusal.code !== 'timeout')
      this.#plan.refused(link.peer, this.#nowMs())
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
    if (wasGreeted && !this.#links.isConnected(link.peer)) this.#plan.lost(link.peer, this.#nowMs())
    this.#update(link.peer)
    this.#scheduleDial()
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

  #onIdentified(result: IdentifyResult): void {
    const link = this.#links.of(result.connection)
    if (link === undefined) return
    const local = isLoopback(result.connection.remoteAddr.toString())
    link.addresses = result.listenAddrs
      .map(address => withoutPeer(address.toString()))
      .filter(address => address.includes('/tcp/') && (local || !isLoopback(address)))
    if (link.state === 'greeted') this.#remember(link)
  }

  #remember(link: Link): void {
    const { clock } = this.#options
    const dialled = link.dialler ? [withoutPeer(link.connection.remoteAddr.toString())] : []
    const addresses = [...new Set([...dialled, ...link.addresses, ...this.#known.addressesOf(link.peer)])]
    if (addresses.length === 0) return
    const forgotten = this.#known.seen({ peerId: link.peer, addresses, lastSeenMs: clock.wallMs() })
    if (forgotten !== undefined) this.#plan.forget(forgotten)
    this.#plan.learn(link.peer, this.#known.addressesOf(link.peer), false, this.#nowMs())
    this.#cancelSave ??= clock.after(saveDelayMs, () => this.#saveKnown())
  }

  #saveKnown(): void {
    this.#cancelSave?.()
    this.#cancelSave = undefined
    this.#options.peerStore.save(this.#known.list())
  }

  async #loadKnown(): Promise<
    readonly { peerId: PeerId; addresses: readonly string[]; lastSeenMs: number }[]
  > {
    try {
      return await this.#options.peerStore.load()
    } catch (error) {
      this.#options.logger.warn(
        { error: messageOf(error) },
        'the known peers could not be read; starting without them',
      )
      return []
    }
  }

  #dialDue(): void {
    for (const dial of this.#plan.due(this.#nowMs(), peer => this.#links.isConnected(peer))) {
      void this.#dial(dial.peer, dial.addresses)
    }
    this.#scheduleDial()
  }

  #scheduleDial(): void {
    this.#cancelDial()
    if (this.#stopping !== undefined) return
    const nextMs = this.#plan.nextDueMs(peer => this.#links.isConnected(peer))
    if (nextMs === undefined) return
    this.#cancelDial = this.#options.clock.after(Math.max(1, nextMs - this.#nowMs()), () => this.#dialDue())
  }

  async #dial(peer: PeerId, addresses: readonly string[]): Promise<void> {
    const { counters, logger } = this.#options
    try {
      const targets = addresses.map(address => multiaddr(`${address}/p2p/${peer}`))
      await this.#running().dial(targets, { signal: AbortSignal.timeout(dialTimeoutMs) })
      counters.count(counted.dialled, { outcome: 'connected' })
      this.#plan.succeeded(peer, this.#nowMs())
      if (this.#links.isGreeted(peer)) this.#plan.greeted(peer)
    } catch (error) {
      counters.count(counted.dialled, { outcome: 'failed' })
      logger.debug({ peer, addresses, error: messageOf(error) }, 'dialling failed')
      this.#plan.failed(peer, this.#nowMs())
    }
    this.#scheduleDial()
  }

  #upkeep(): void {
    this.#gossip.heal()
    for (const peer of this.#visible) this.#closeDuplicates(peer)
    this.#cancelUpkeep = this.#options.clock.after(upkeepMs, () => this.#upkeep())
  }

  /** Of two connections the one that nothing uses goes; the side with the smaller id does it, so that they don't cross. */
  #closeDuplicates(peer: PeerId): void {
    const links = this.#links.greetedLinks(peer)
    if (links.length < 2 || this.self > peer) return
    const preferred = this.#links.preferred(peer)
    for (const link of links) {
      const { connection } = link
      if (link === preferred || this.#gossip.isOn(connection) || this.#channels.usesConnection(connection.id))
        continue
      if (connection.streams.some(stream => stream.protocol.includes('meshsub'))) continue
      connection.close().catch(() => connection.abort(new Error('a duplicate connection')))
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
