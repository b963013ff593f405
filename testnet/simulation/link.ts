/** What one direction between two nodes is like. */
export interface LinkOptions {
  delayMs: number
  /** Up to this much more, at random per frame; a channel still delivers in order. */
  jitterMs: number
  bytesPerMs: number
  /** Part of the frames that are lost once and arrive after a retransmission; gossip is simply lost. */
  lossRate: number
  retransmitMs: number
  /** Part of the frames at which the channel breaks instead. */
  breakRate: number
  /** Part of published messages that arrive twice. */
  duplicateRate: number
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
}

export const LAN: LinkOptions = {
  delayMs: 0.2,
  jitterMs: 0.1,
  bytesPerMs: 100_000,
  lossRate: 0,
  retransmitMs: 200,
  breakRate: 0,
  duplicateRate: 0,
  blocked: false,
}

/** A home connection far away: 40 ms round trip, 20 Mbit/s. */
export const HOME: LinkOptions = { ...LAN, delayMs: 20, jitterMs: 2, bytesPerMs: 2_500 }

export const DEFAULT_NETWORK: NetworkOptions = {
  link: LAN,
  giveUpMs: 5_000,
  reconnectMs: 100,
  highWaterBytes: 1 << 20,
  socketBytes: 128 << 10,
  maxBufferedBytes: 64 << 20,
}
