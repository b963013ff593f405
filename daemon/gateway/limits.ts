import { INPUT_MAX_BYTES, OUTCOMES_KEPT } from '../../world/codec.ts'

/** Everything a gateway bounds. */
export interface GatewayLimits {
  /** Connections in total, from one address, and from this machine itself (where bots and tests live). */
  readonly maxConnections: number
  readonly maxPerAddress: number
  readonly maxLoopback: number
  /** A longer message is refused unread. */
  readonly maxMessageBytes: number
  readonly maxBodyBytes: number
  readonly inputsPerSecond: number
  readonly inputBurst: number
  /** Inputs of one session (in one message too), and of the whole gateway, that wait for an answer. */
  readonly inputsInFlight: number
  readonly totalInFlight: number
  /** Asks of one session for what is final that wait for an answer. */
  readonly finalsInFlight: number
  /** How many of those asks may have the log sealed at once; the others wait for the next seal. */
  readonly sealsPerSecond: number
  readonly sealBurst: number
  /** Messages that aren't inputs. */
  readonly requestsPerSecond: number
  readonly requestBurst: number
  /** A connection is closed at its `maxOffences`th offence; one is forgiven every `forgiveMs`. */
  readonly maxOffences: number
  readonly forgiveMs: number
  /** From the connection to the open session. */
  readonly handshakeMs: number
  readonly viewRadiusMm: number
  readonly viewEntities: number
  readonly placeEntities: number
  /** Entities that the gateway remembers of one area. */
  readonly ghostsPerArea: number
  /** Events of an area that wait to be shown; the oldest are dropped. */
  readonly eventsPerArea: number
  /** An area that nobody looks at is unsubscribed after so long. */
  readonly lingerMs: number
  /** Unsent bytes at which a client gets no more views, and at which it is dropped. */
  readonly slowBytes: number
  readonly stuckBytes: number
  /** A client that stays slow for so long is dropped. */
  readonly slowMs: number
}

export const DEFAULT_LIMITS: GatewayLimits = {
  maxConnections: 4_000,
  maxPerAddress: 16,
  maxLoopback: 4_000,
  maxMessageBytes: 4_096,
  maxBodyBytes: INPUT_MAX_BYTES,
  inputsPerSecond: 20,
  inputBurst: 40,
  inputsInFlight: OUTCOMES_KEPT,
  totalInFlight: 20_000,
  finalsInFlight: 8,
  sealsPerSecond: 4,
  sealBurst: 8,
  requestsPerSecond: 5,
  requestBurst: 20,
  maxOffences: 20,
  forgiveMs: 1_000,
  handshakeMs: 10_000,
  viewRadiusMm: 200_000,
  viewEntities: 128,
  placeEntities: 512,
  ghostsPerArea: 20_000,
  eventsPerArea: 1_024,
  lingerMs: 30_000,
  slowBytes: 256 * 1024,
  stuckBytes: 4 * 1024 * 1024,
  slowMs: 15_000,
}
