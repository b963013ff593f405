import type { Clock, Network, PeerId, Random } from '../ports.ts'
import type { Reach } from './reach/reachability.ts'
import type { TrafficStats } from './traffic.ts'

/** The part of pino that the network uses. */
export interface Logger {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Where refusals and events are counted. Names are listed in `counters.ts`. */
export interface Counters {
  count(name: string, labels: Readonly<Record<string, string>>): void
}

export interface ProtocolRange {
  readonly min: number
  readonly max: number
}

/** A node of the network, by the genesis file or the directory: dialled until it answers, for as long as this node runs. */
export interface BootstrapPeer {
  readonly peerId: PeerId
  /** Multiaddrs without the `/p2p/…` part, such as `/ip4/192.0.2.1/tcp/4001`. */
  readonly addresses: readonly string[]
}

/** A peer that passed the handshake once, remembered across restarts. */
export interface KnownPeer {
  readonly peerId: PeerId
  readonly addresses: readonly string[]
  /** Wall clock of the last handshake; the oldest are forgotten first. */
  readonly lastSeenMs: number
}

export interface KnownPeerStore {
  load(): Promise<KnownPeer[]>
  /** Called at most about once a second, with the whole bounded list. */
  save(peers: KnownPeer[]): void
}

/** What a peer said of itself in the handshake, and the protocol version that both will speak. */
export interface Greeted {
  readonly peer: PeerId
  readonly role: string
  readonly softwareVersion: string
  readonly protocol: number
  /** Multiaddrs at which it says it can be reached; the dialable ones. */
  readonly addresses: readonly string[]
  /** From where it says that this node comes; empty by way of a relay. */
  readonly observed: string
}

/** How a node is reached that sits behind a router. */
export interface ReachOptions {
  /** Told to others in place of the addresses that it listens on: a forwarded port, say. */
  readonly announce?: readonly string[] | undefined
  /** Has the router map a port to this node (UPnP). */
  readonly upnp: boolean
  /** Finds out by asking others whether they can dial this node; without it, it takes no place at a relay. */
  readonly autonat: boolean
  /** Carries connections of nodes that nobody else can reach. */
  readonly relay: boolean
  /** Puts direct connections in place of relayed ones. */
  readonly holePunching: boolean
}

export interface NetworkOptions {
  /** The network's name from the genesis file; part of every protocol and topic name. */
  readonly networkName: string
  /** SHA-256 of the genesis file, 32 bytes. */
  readonly genesisHash: Uint8Array
  readonly protocol: ProtocolRange
  readonly role: string
  readonly softwareVersion: string
  /** The 32-byte Ed25519 private key (seed) of the node's identity. */
  readonly identitySeed: Uint8Array
  /** Multiaddrs; port 0 takes a free one. None at all makes a node that only dials. */
  readonly listenAddresses: readonly string[]
  readonly bootstrap: readonly BootstrapPeer[]
  /** Peers at once. Bootstrap peers count among them, but are never turned away: the areas of this node need them. */
  readonly maxPeers: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly peerStore: KnownPeerStore
  readonly reach: ReachOptions
  /** False refuses a peer whose handshake was otherwise in order (banned, not admitted). */
  allow?(peer: Greeted): boolean
}

export interface PeerStats extends Greeted {
  readonly connections: number
  readonly channels: number
  /** Who dialled the first of its connections. */
  readonly direction: 'inbound' | 'outbound'
  readonly connectedMs: number
  /** As libp2p's ping measured it; undefined before the first. */
  readonly roundTripMs: number | undefined
  /** The remote address of the first connection. */
  readonly address: string
  /** By way of another node. */
  readonly relayed: boolean
}

export interface ReachStats {
  readonly verdict: Reach
  /** As others see the port that this node dials from. */
  readonly observed: readonly string[]
  /** Whether each of them sees another one; undefined before two have said. */
  readonly portsDiffer: boolean | undefined
  /** At which others could dial it. */
  readonly confirmed: readonly string[]
  /** That it has tried. */
  readonly candidates: readonly string[]
  /** That a router maps to it (UPnP). */
  readonly mapped: readonly string[]
  /** By way of others. */
  readonly relayed: readonly string[]
  /** Nodes that have a place at this one. */
  readonly served: number
}

export interface NetworkStats {
  readonly peers: readonly PeerStats[]
  /** Connections whose handshake is still under way. */
  readonly greeting: number
  readonly dialling: number
  readonly knownPeers: number
  readonly reach: ReachStats
  readonly traffic: TrafficStats
}

export interface RunningNetwork extends Network {
  /** Multiaddrs with the real ports and without the `/p2p/…` part. */
  listenAddresses(): string[]
  stats(): NetworkStats
  /** Connects to whoever is at this multiaddr; the handshake is still to come. Rejects when nobody is there. */
  dialAddress(address: string): Promise<PeerId>
  /** It is a node of the network from now on, as the bootstrap peers are; or its addresses are others. */
  learn(peer: BootstrapPeer): void
  /** It is none any more. What connects it to this node ends; whether it may come back is for `allow` to say. */
  dismiss(peer: PeerId, reason: string): void
  /** Ends everything; resolves within about `deadlineMs`, by force if need be. Never rejects. */
  stop(deadlineMs: number): Promise<void>
}
