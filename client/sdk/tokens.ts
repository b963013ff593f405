import type { Pace } from './outbox.ts'

/** How often a gateway may be asked for something: its own bucket, as it is known here. */
export class Tokens {
  private perSecond = 1
  private burst = 1
  private left = 0
  private filledMs = 0

  /** A new link: the gateway's bucket for it is full. */
  linked({ perSecond, burst }: Pace, nowMs: number): void {
    // A little slower than allowed: two clocks are not one.
    this.perSecond = perSecond * 0.95
    this.burst = Math.max(1, burst - 2)
    this.left = this.burst
    this.filledMs = nowMs
  }

  refill(nowMs: number): void {
    const newMs = Math.max(0, nowMs - this.filledMs)
    this.left = Math.min(this.burst, this.left + (newMs * this.perSecond) / 1000)
    this.filledMs = nowMs
  }

  get areOut(): boolean {
    return this.left < 1
  }

  take(): void {
    this.left--
  }

  /** Milliseconds until there is one. */
  get waitMs(): number {
    return this.areOut ? ((1 - this.left) * 1000) / this.perSecond : 0
  }
}
