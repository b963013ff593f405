import type { Clock, Network, PeerId, Random } from '../ports.ts'

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

/** A node of the genesis file: dialled until it answers, for as long as this node runs. */
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
  /** Multiaddrs on which it says it listens; the dialable ones. */
  readonly addresses: readonly string[]
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
}

export interface NetworkStats {
  readonly peers: readonly PeerStats[]
  /** Connections whose handshake is still under way. */
  readonly greeting: number
  readonly dialling: number
  readonly knownPeers: number
}

export interface RunningNetwork extends Network {
  /** Multiaddrs with the real ports and without the `/p2p/…` part. */
  listenAddresses(): string[]
  stats(): NetworkStats
  /** Ends everything; resolves within about `deadlineMs`, by force if need be. Never rejects. */
  stop(deadlineMs: number): Promise<void>
}
