import { RoundTrip } from './round-trip.ts'

/** The newest request for support, to be answered. */
export interface Request {
  readonly sentUs: number
  readonly readMs: number
  readonly grantedMs: number
}

/** What this node and one other have promised each other. All times are of our own clock. */
export class Peer {
  readonly number: number
  readonly roundTrip = new RoundTrip()
  up = false
  /** Groups of ours that it is a member of. */
  groups = 0

  /** Of its present life, 0 before it has spoken. */
  incarnation = 0
  /** Who it says that it supports. */
  supports: readonly number[] = []

  /** Our support for it. A promise may outlast `supporting` by nothing: support ends when the promise does. */
  supporting = false
  epoch: number
  promisedUntilMs = 0
  request: Request | undefined

  /** Its support for us. Epoch 0: none that we know of. */
  supportEpoch = 0
  supportedUntilMs = 0
  supported = false
  echoUs = 0

  nextSendMs = 0
  urgent = false

  constructor(number: number, firstEpoch: number) {
    this.number = number
    this.epoch = firstEpoch
  }
}
