import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Cancel, Channel, GossipListener, PeerId, ProtocolOptions } from '../ports.ts'
import { Channels } from './channels.ts'
import { counted } from './counters.ts'
import { dialPeer, worthKnowing } from './dialled.ts'
import { Dialler } from './dialler.ts'
import { messageOf, NetworkError } from './errors.ts'
import type { Admit } from './gated-registrar.ts'
import { Gossip } from './gossip.ts'
import { createHost, dialTimeoutMs, startHost } from './host.ts'
import { admitOrHold, type Link, Links } from './links.ts'
import { helloProtocol, protocolName } from './names.ts'
import { Newcomers } from './newcomers.ts'
import type { BootstrapPeer, NetworkOptions, NetworkStats, RunningNetwork } from './options.ts'
import { peerIdOfSeed } from './peer-id.ts'
import { ReachKeeper } from './reach/keeper.ts'

const upkeepMs = 2000
/** For the other side's handshake to end before the relayed connection goes. */
const moveOffMs = 300
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
  readonly #links: Links
  readonly #newcomers: Newcomers
  readonly #dialler: Dialler
  readonly #gossip: Gossip
  readonly #channels: Channels
  readonly #keeper: ReachKeeper
  readonly #peerListeners: ((peer: PeerId, connected: boolean) => void)[] = []
  readonly #visible = new Set<PeerId>()
  /** Nodes of the network: they are never turned away for want of room. */
  readonly #nodes: Set<PeerId>
  #host: Libp2p | undefined
  #cancelUpkeep: Cancel = () => {}
  #stopping: Promise<void> | undefined

  constructor(self: PeerId, options: NetworkOptions) {
    this.self = self
    this.#options = options
    const { networkName, logger, counters } = options
    this.#nodes = new Set(options.bootstrap.map(({ peerId }) => peerId))
    this.#links = new Links(self)
    this.#newcomers = new Newcomers(options, {
      links: this.#links,
      ownAddresses: () => this.#keeper.addresses(),
      hasRoomFor: peer => this.#hasRoomFor(peer),
      greeted: link => this.#onGreeted(link),
      refused: peer => this.#dialler.refused(peer),
    })
    this.#dialler = new Dialler(self, {
      ...options,
      isConnected: peer => this.#links.isConnected(peer),
      isGreeted: peer => this.#links.isGreeted(peer),
      dial: (peer, addresses) => dialPeer(this.#running(), this.self, peer, addresses),
    })
    this.#channels = new Channels(networkName, logger, counters)
    const admit: Admit = (stream, connection, protocol, run) => this.#admit(stream, connection, protocol, run)
    this.#gossip = new Gossip(networkName, options.clock, logger, counters, admit)
    this.#keeper = new ReachKeeper(options, {
      ...{ self, links: this.#links, admit },
      told: (peer, addresses) => this.#dialler.told(peer, addresses),
    })
  }

  async start(): Promise<void> {
    const { listenAddresses, bootstrap, logger } = this.#options
    const host = await createHost({
      ...this.#options,
      keeper: this.#keeper,
      gossip: () => this.#gossip.service(),
    })
    this.#host = host
    host.addEventListener('connection:open', ({ detail }) => {
      if (!this.#keeper.isCheck(detail)) this.#newcomers.opened(detail)
    })
    host.addEventListener('connection:close', event => this.#onConnectionClosed(event.detail))
    const hello = (stream: Stream, connection: Connection) => this.#newcomers.hello(stream, connection)
    await host.handle(this.#name(helloProtocol), hello, { runOnLimitedConnection: true })
    await this.#dialler.load(bootstrap)
    await startHost(host, listenAddresses)
    logger.info({ peer: this.self, addresses: this.listenAddresses() }, 'the network is up')
    this.#keeper.begin(this)
    this.#dialler.start()
    this.#upkeep()
    this.#options.clock.after(0, () => this.#newcomers.ready())
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
      .handle(this.#name(name), accept, {
        ...{ maxInboundStreams: limit, maxOutboundStreams: limit, runOnLimitedConnection: true },
      })
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

  learn({ peerId, addresses }: BootstrapPeer): void {
    if (this.#stopping !== undefined || peerId === this.self) return
    this.#nodes.add(peerId)
    this.#dialler.learn(peerId, addresses)
  }

  dismiss(peer: PeerId, reason: string): void {
    this.#nodes.delete(peer)
    this.#dialler.dismiss(peer)
    for (const link of this.#links.greetedLinks(peer)) link.connection.abort(new Error(reason))
  }

  listenAddresses(): string[] {
    return this.#keeper.listening()
  }

  stats(): NetworkStats {
    const peers = this.peers().flatMap(peer => {
      const links = this.#links.greetedLinks(peer)
      const link = this.#links.preferred(peer)
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
          relayed: link.relayed,
        },
      ]
    })
    const greeting = this.#links.all().filter(link => link.state === 'greeting').length
    const { dialling, knownPeers } = this.#dialler
    const [reach, traffic] = [this.#keeper.stats(), this.#keeper.tcp.traffic.stats()]
    return { peers, greeting, dialling, knownPeers, reach, traffic }
  }

  async dialAddress(address: string): Promise<PeerId> {
    const signal = AbortSignal.timeout(dialTimeoutMs)
    const { remotePeer } = await this.#running().dial(multiaddr(address), { signal })
    return remotePeer.toString()
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    const host = this.#running()
    this.#cancelUpkeep()
    this.#dialler.stop()
    this.#newcomers.stop()
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

  // --- connections

  #onGreeted(link: Link): void {
    this.#remember(link)
    for (const { admit } of link.held.splice(0)) admit()
    this.#update(link.peer)
    this.#keeper.greeted(link)
    if (!link.relayed) this.#options.clock.after(moveOffMs, () => this.#moveOffRelay(link.peer))
  }

  /** What goes by a relay begins anew on the direct connection, as after any that broke. The smaller id sees to it. */
  #moveOffRelay(peer: PeerId): void {
    const links = this.#links.greetedLinks(peer)
    if (this.self > peer || links.every(link => link.relayed)) return
    for (const { connection } of links.filter(link => link.relayed)) {
      this.#options.logger.info({ peer }, 'a direct connection takes the place of a relayed one')
      connection.abort(new Error('there is a direct connection'))
    }
  }

  #hasRoomFor(peer: PeerId): boolean {
    const has = this.#visible.has(peer) || this.#nodes.has(peer)
    return has || this.#visible.size < this.#options.maxPeers
  }

  #onConnectionClosed(connection: Connection): void {
    const link = this.#links.of(connection)
    if (link === undefined) return
    this.#newcomers.forget(link)
    const wasGreeted = link.state === 'greeted'
    this.#links.remove(link)
    for (const { stream } of link.held.splice(0)) stream.abort(new Error('the connection was closed'))
    this.#channels.closeOn(connection.id)
    this.#update(link.peer)
    if (!this.#links.isGreeted(link.peer)) this.#keeper.gone(link.peer)
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
    this.#dialler.greeted(link.peer, worthKnowing(link))
  }

  #upkeep(): void {
    this.#gossip.heal()
    for (const peer of this.#visible) this.#closeDuplicates(peer)
    this.#keeper.upkeep()
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
