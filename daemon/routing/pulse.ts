import type { Cancel, Clock } from '../ports.ts'

/** When a lane looks at what waits: at the end of a turn in which something came, and while anything waits now and then. */
export class Pulse {
  readonly #clock: Clock
  readonly #schedule: (run: () => void) => void
  readonly #everyMs: number
  readonly #beat: () => void
  #scheduled = false
  #timer: Cancel | undefined

  /** `schedule` runs a function at the end of this turn, so that what arrives together travels together. */
  constructor(clock: Clock, schedule: (run: () => void) => void, everyMs: number, beat: () => void) {
    this.#clock = clock
    this.#schedule = schedule
    this.#everyMs = everyMs
    this.#beat = beat
  }

  soon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#schedule(() => {
      this.#scheduled = false
      this.#beat()
    })
  }

  later(): void {
    if (this.#timer !== undefined) return
    this.#timer = this.#clock.after(this.#everyMs, () => {
      this.#timer = undefined
      this.#beat()
    })
  }
}
