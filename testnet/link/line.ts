/**
 * One direction of a line, without I/O: when do bytes that go in now come out? Bytes leave no faster than the rate; all are late by the
 * delay and some jitter; now and then the line stalls, as after a lost packet, and what follows waits behind, as in TCP.
 */

export interface LineOptions {
  /** One way, without jitter. */
  readonly delayMs: number
  /** Up to so much more, evenly. */
  readonly jitterMs: number
  readonly bitsPerSecond: number
  /** Of so many pieces in one hundred one stalls. */
  readonly stallPercent: number
  readonly stallMs: number
}

/** Two homes: 40 ms there and back with up to 8 ms more, 20 Mbit/s up, 0.5 % retransmissions. */
export const homeLine: LineOptions = {
  ...{ delayMs: 18, jitterMs: 4, bitsPerSecond: 20_000_000 },
  ...{ stallPercent: 0.5, stallMs: 200 },
}

/** What all connections of one node share. */
export class Uplink {
  readonly #bitsPerSecond: number
  #freeAtMs = 0

  constructor({ bitsPerSecond }: LineOptions) {
    this.#bitsPerSecond = bitsPerSecond
  }

  /** When the last of these bytes has left. */
  send(bytes: number, nowMs: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytes * 8_000) / this.#bitsPerSecond
    return this.#freeAtMs
  }
}

export class Line {
  readonly #options: LineOptions
  readonly #uplink: Uplink
  readonly #random: () => number
  #lastMs = 0
  stalls = 0

  /** @param random from 0 to below 1 */
  constructor(options: LineOptions, uplink: Uplink, random: () => number) {
    this.#options = options
    this.#uplink = uplink
    this.#random = random
  }

  /** Never before what went in earlier. */
  arrivalMs(bytes: number, nowMs: number): number {
    const { delayMs, jitterMs, stallPercent, stallMs } = this.#options
    const isStall = this.#random() * 100 < stallPercent
    if (isStall) this.stalls += 1
    const lateMs = delayMs + this.#random() * jitterMs + (isStall ? stallMs : 0)
    this.#lastMs = Math.max(this.#lastMs, this.#uplink.send(bytes, nowMs) + lateMs)
    return this.#lastMs
  }
}
