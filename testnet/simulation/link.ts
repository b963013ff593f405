/** What one direction between two nodes is like. */
export interface LinkOptions {
  delayMs: number
  /** Up to this much more, at random per frame; a channel still delivers in order. */
  jitterMs: number
  /** Part of the frames that are late, by this much at least and sometimes by very much more. */
  spikeRate: number
  spikeMs: number
  bytesPerMs: number
  /** Part of the frames that are lost once and arrive after a retransmission; gossip is simply lost. */
  lossRate: number
  retransmitMs: number
  /** Part of the frames at which the channel breaks instead. */
  breakRate: number
  /** So much longer, at most, the far end takes a broken channel for a good one, while what was under way still arrives. */
  lingerMs: number
  /** Up to so much a whole channel is behind others between the same nodes, for a while. */
  channelLagMs: number
  /** Part of the frames that later ones of the same channel overtake, where its protocol withstands that. */
  reorderRate: number
  /** Part of published messages that arrive twice, and of frames, where their protocol withstands that. */
  duplicateRate: number
  /** Part of the frames after which an old one arrives again, where the protocol withstands that. */
  replayRate: number
  /** Nothing passes; what is sent waits, until the connection is given up. */
  blocked: boolean
}

export interface NetworkOptions {
  /** Links that the test didn't set otherwise. */
  readonly link: LinkOptions
  /** A connection whose frames wait longer than this is given up, by both sides. */
  readonly giveUpMs: number
  /** Between the end of a connection, or of what kept it away, and the next attempt. */
  readonly reconnectMs: number
  /** `send` answers false above it, `onDrain` comes at half of it. */
  readonly highWaterBytes: number
  /** What waits in the sender's socket, where channels can't overtake each other any more. */
  readonly socketBytes: number
  /** A channel whose reader is this far behind is closed. */
  readonly maxBufferedBytes: number
  readonly withstands: Withstands
}

/** What a protocol withstands between the first frame of a channel, which always arrives as it was sent, and its end. */
export type Tolerance = 'nothing' | 'twice-in-a-row' | 'any-order'

/** `first` is the first frame that the channel's opener has sent. */
export type Withstands = (protocol: string, first: Uint8Array) => Tolerance

export const LAN: LinkOptions = {
  delayMs: 0.2,
  jitterMs: 0.1,
  spikeRate: 0,
  spikeMs: 0,
  bytesPerMs: 100_000,
  lossRate: 0,
  retransmitMs: 200,
  breakRate: 0,
  lingerMs: 0,
  channelLagMs: 0,
  reorderRate: 0,
  duplicateRate: 0,
  replayRate: 0,
  blocked: false,
}

/** A home connection far away: 40 ms round trip, 20 Mbit/s. */
export const HOME: LinkOptions = { ...LAN, delayMs: 20, jitterMs: 2, bytesPerMs: 2_500 }

/** The other side of the world: 200 ms round trip on average, and 40 ms of jitter to either side. */
export const FAR: LinkOptions = { ...HOME, delayMs: 80, jitterMs: 40 }

export const LINKS = { lan: LAN, home: HOME, far: FAR }
export type LinkName = keyof typeof LINKS

export const DEFAULT_NETWORK: NetworkOptions = {
  link: LAN,
  giveUpMs: 5_000,
  reconnectMs: 100,
  highWaterBytes: 1 << 20,
  socketBytes: 128 << 10,
  maxBufferedBytes: 64 << 20,
  withstands: () => 'nothing',
}
