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

/** What a timer may be early by. */
const TIMER_STEP_MS = 0.01

/** The clocks of one machine, which outlive its processes. The wall clock jumps when it is set, the other one never. */
export class MachineClock {
  readonly #simulation: Simulation
  #skew: ClockSkew
  #passedMs = 0
  #sinceUs = 0

  constructor(simulation: Simulation, skew: ClockSkew) {
    this.#simulation = simulation
    this.#skew = skew
  }

  get skew(): ClockSkew {
    return this.#skew
  }

  /** From now on; what has passed stays as it was counted. */
  set skew(skew: ClockSkew) {
    this.#passedMs = this.monotonicMs
    this.#sinceUs = this.#simulation.nowUs
    this.#skew = skew
  }

  /** The wall clock is set, as by a time server that steps it. */
  jump(ms: number): void {
    this.#skew = { ...this.#skew, wallOffsetMs: this.#skew.wallOffsetMs + ms }
  }

  /** Since the machine was switched on. */
  get monotonicMs(): number {
    return this.#passedMs + ((this.#simulation.nowUs - this.#sinceUs) / 1000) * this.#skew.rate
  }

  get wallMs(): number {
    return Math.floor(WALL_START_MS + this.monotonicMs + this.#skew.wallOffsetMs)
  }
}

/** A machine's clocks as one life of a process reads them. */
export class SimClock implements Clock {
  readonly #simulation: Simulation
  readonly #scope: Scope
  readonly #machine: MachineClock
  readonly #beginMs: number

  /** `monotonicStartMs` differs from life to life, as a real process's does: nobody may keep such a time on disk. */
  constructor(simulation: Simulation, scope: Scope, machine: MachineClock, monotonicStartMs: number) {
    this.#simulation = simulation
    this.#scope = scope
    this.#machine = machine
    this.#beginMs = monotonicStartMs - machine.monotonicMs
  }

  wallMs(): number {
    return this.#machine.wallMs
  }

  monotonicMs(): number {
    return this.#beginMs + this.#machine.monotonicMs
  }

  after(delayMs: number, run: () => void): Cancel {
    const label = `${this.#scope.owner} timer`
    const dueMs = this.#machine.monotonicMs + delayMs
    let cancel: Cancel = () => {}
    const wait = (forMs: number): void => {
      cancel = this.#simulation.schedule(this.#scope, forMs / this.#machine.skew.rate, label, () => {
        // The clock may have become slower meanwhile; a timer is never early by its own clock.
        const leftMs = dueMs - this.#machine.monotonicMs
        if (leftMs > TIMER_STEP_MS) wait(leftMs)
        else run()
      })
    }
    wait(delayMs)
    return () => cancel()
  }
}
