import type { Cancel, Clock } from '../../daemon/ports.ts'
import type { Scope } from './scope.ts'
import type { Simulation } from './simulation.ts'

export interface ClockSkew {
  /** Added to the wall clock only. */
  readonly wallOffsetMs: number
  /** 1.01 runs one per cent fast. Both clocks, and timers too. */
  readonly rate: number
}

export const NO_SKEW: ClockSkew = { wallOffsetMs: 0, rate: 1 }

/** 1 January 2026; any fixed day will do. */
const WALL_START_MS = 1_767_225_600_000

export class SimClock implements Clock {
  readonly #simulation: Simulation
  readonly #scope: Scope
  readonly #skew: () => ClockSkew
  readonly #startedUs: number
  readonly #monotonicStartMs: number

  /** `monotonicStartMs` differs from life to life, as a real process's does: nobody may keep such a time on disk. */
  constructor(simulation: Simulation, scope: Scope, skew: () => ClockSkew, monotonicStartMs: number) {
    this.#simulation = simulation
    this.#scope = scope
    this.#skew = skew
    this.#startedUs = simulation.nowUs
    this.#monotonicStartMs = monotonicStartMs
  }

  wallMs(): number {
    const skew = this.#skew()
    return Math.floor(WALL_START_MS + this.#simulation.nowMs * skew.rate + skew.wallOffsetMs)
  }

  monotonicMs(): number {
    return this.#monotonicStartMs + ((this.#simulation.nowUs - this.#startedUs) / 1000) * this.#skew().rate
  }

  after(delayMs: number, run: () => void): Cancel {
    const label = `${this.#scope.owner} timer`
    return this.#simulation.schedule(this.#scope, delayMs / this.#skew().rate, label, run)
  }
}
