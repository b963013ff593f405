/** Clocks of honest nodes differ by seconds; by minutes, and by more than this, something is wrong. */
const toleranceMs = 5 * 60_000
/** So long a start waits for the other nodes where a seal speaks against its clock. */
const askMs = 30_000
/** Fewer don't judge a clock: of two nobody knows which is right. */
const leastNodes = 3

export interface WrongClock {
  /** Negative when the clock is ahead. */
  readonly behindMs: number
  readonly comparedWith: string
}

/** What the other nodes say of this node's clock. */
export interface OtherClocks {
  /** Enough of them have been heard. */
  readonly isKnown: boolean
  readonly behindMs: number
}

/**
 * Whether a node may go on with the clock that it has. What most others show decides. A seal that its members have decided was made
 * by one clock only, which may have been wrong for a while, or have lied within what members vote for: it counts where
 * nobody can be asked.
 */
export class ClockWatch {
  readonly #behindSealsMs: number
  readonly #untilMs: number
  #isVouchedFor = false

  /** @param nodes of the network, with this one */
  constructor(behindSealsMs: number, nodes: number, nowMs: number) {
    this.#behindSealsMs = behindSealsMs
    this.#untilMs = nowMs + (nodes < leastNodes ? 0 : askMs)
  }

  look({ isKnown, behindMs }: OtherClocks, nowMs: number): WrongClock | undefined {
    if (Math.abs(behindMs) > toleranceMs) return { behindMs, comparedWith: 'the other nodes' }
    this.#isVouchedFor ||= isKnown
    if (this.#isVouchedFor || this.#behindSealsMs <= toleranceMs || nowMs < this.#untilMs) return undefined
    return { behindMs: this.#behindSealsMs, comparedWith: 'the last seal in its log' }
  }
}
