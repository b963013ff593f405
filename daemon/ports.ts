/**
 * What the daemon's deciding parts are given instead of the world: the real ones are made in `daemon/real-ports.ts`,
 * the simulated ones in `testnet/simulation`. Nothing that decides reaches past them.
 */

export interface Clock {
  /** Milliseconds since 1970 by this node's wall clock. May jump; only for what people and logs read. */
  wallMs(): number
  /** Milliseconds of a clock that never goes back. For every timeout. */
  monotonicMs(): number
  /** Calls `run` once after `delayMs`. The function returned cancels it. */
  after(delayMs: number, run: () => void): Cancel
}

export type Cancel = () => void

export interface Random {
  /** Fresh bytes: from the system in a real node, from the seed in a simulated one. */
  bytes(length: number): Uint8Array
  /** A whole number n with 0 ≤ n < below. */
  below(below: number): number
}

/** A node's libp2p peer id in its base58 text form. */
export type PeerId = string

/**
 * One ordered, reliable, flow-controlled pipe of frames between two nodes. A frame is at most the `maxFrameBytes`
 * that its protocol was registered with; a longer one closes the channel and is counted.
 */
export interface Channel {
  readonly peer: PeerId
  readonly protocol: string
  /** False when the sender should wait for `onDrain`; the frame was taken all the same. False and dropped once closed. */
  send(frame: Uint8Array): boolean
  onFrame(listener: (frame: Uint8Array) => void): void
  onDrain(listener: () => void): void
  /** Called once, however the channel ended. */
  onClose(listener: (reason: string) => void): void
  /** Ends it at once. `reason` is for the log and the counter. */
  close(reason: string): void
}

export interface ProtocolOptions {
  readonly maxFrameBytes: number
  /** Channels of this protocol that one peer may have open at once; more are refused and counted. */
  readonly maxChannelsPerPeer: number
}

/**
 * What becomes of a message that was heard: it goes on to others; it does not; or it does not, and is held against the
 * peer that passed it on, which is fair only where every honest node comes to the same verdict.
 */
export type GossipVerdict = 'pass-on' | 'drop' | 'refuse'

export type GossipListener = (from: PeerId, data: Uint8Array) => GossipVerdict

/** How nodes reach each other. Only peers that passed the handshake (same genesis, a protocol version in common) are seen here. */
export interface Network {
  readonly self: PeerId
  /** Peers that are connected and have passed the handshake. */
  peers(): PeerId[]
  onPeer(listener: (peer: PeerId, connected: boolean) => void): void
  /** `name` is short, such as `raft/1`; the network adds its prefix. */
  handle(name: string, options: ProtocolOptions, handler: (channel: Channel) => void): void
  /** Opens a channel to a connected peer. Rejects with a `NetworkError` when that isn't possible. */
  open(peer: PeerId, name: string): Promise<Channel>
  /** `from` is the author, who signed the message; it may have come by way of others. */
  subscribe(topic: string, maxBytes: number, listener: GossipListener): void
  publish(topic: string, data: Uint8Array): void
}
