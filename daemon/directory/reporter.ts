import type { AuthorityHost } from '../hosting/authority-host.ts'
import type { Cancel, Clock } from '../ports.ts'
import type { Saying } from './client.ts'
import { LedLoads } from './led-loads.ts'
import { type OwnFacts, Reports } from './reports.ts'
import type { Measured } from './shares.ts'

export interface ReporterPorts {
  readonly version: string
  readonly incarnation: number
  /** To the nearest nodes, by node, ascending. */
  readonly roundTrips: () => OwnFacts['roundTrips']
  readonly addresses: () => readonly string[]
  /** What this node leads, by group, ascending. */
  readonly led: () => readonly AuthorityHost[]
  readonly measure: () => Promise<Measured>
  readonly clock: Clock
}

const measureEveryMs = 2_000

/** Has this node measured, and says what has changed. */
export class Reporter {
  readonly #ports: ReporterPorts
  readonly #reports = new Reports()
  readonly #loads = new LedLoads()
  #facts: OwnFacts | undefined
  #measured: Measured | undefined
  #timer: Cancel | undefined

  constructor(ports: ReporterPorts) {
    this.#ports = ports
  }

  begin(): void {
    this.#timer = this.#ports.clock.after(measureEveryMs, () => this.begin())
    void this.#measure()
  }

  stop(): void {
    this.#timer?.()
  }

  /** Undefined in the first moment. */
  get measured(): Measured | undefined {
    return this.#measured
  }

  next(): Saying | undefined {
    const facts = this.#facts && this.#reports.next(this.#facts, this.#ports.clock.monotonicMs())
    if (facts === undefined) return undefined
    const said: Saying['said'] = ({ code }) => {
      if (code === 'ok') this.#reports.said(facts)
    }
    return { action: { kind: 'report', facts }, said }
  }

  /** What can't be measured is reported as it was. */
  async #measure(): Promise<void> {
    const { version, incarnation, roundTrips, addresses, led, measure, clock } = this.#ports
    const measured = await measure().catch(() => undefined)
    if (measured === undefined) return
    this.#measured = measured
    const { capacity, load } = measured
    this.#facts = {
      ...{ version, incarnation, capacity, load },
      ...{ roundTrips: roundTrips(), addresses: addresses() },
      led: this.#loads.take(led(), clock.monotonicMs()),
    }
  }
}
