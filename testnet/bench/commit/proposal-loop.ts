import type { Random } from '../../../daemon/ports.ts'
import { encodeBatch, type LogRecord, recordKind, saltBytes } from '../../../storage/log/record.ts'
import { Stopwatch, type Stretch } from './measure.ts'

export const payloadBytes = 128
/** As an authority's leader keeps it: while so many entries are under way, the next one fills. */
const entriesInFlight = 4

export interface ProposalLoopOptions {
  readonly random: Random
  readonly schedule: (run: () => void) => void
  readonly propose: (data: Uint8Array) => boolean
}

/** Keeps a number of payloads under way at the leader: what is committed is replaced in the same turn. */
export class ProposalLoop {
  readonly #options: ProposalLoopOptions
  readonly #startedMs = new Map<number, number>()
  #leading = false
  #entries = 0
  #queued = 0
  #next = 0
  #scheduled = false
  #watch: Stopwatch | undefined
  #finish: (watch: Stopwatch) => void = () => {}

  constructor(options: ProposalLoopOptions) {
    this.#options = options
  }

  leads(leading: boolean): void {
    this.#leading = leading
    if (!leading) this.#entries = 0
  }

  /** Resolves when the time is over and everything that was under way has been committed. */
  run(stretch: Stretch): Promise<Stopwatch> {
    const watch = new Stopwatch(stretch)
    this.#watch = watch
    return new Promise(resolve => {
      this.#finish = resolve
      this.#add(stretch.inFlight)
    })
  }

  committed(records: readonly LogRecord[]): void {
    if (!this.#leading || this.#watch === undefined) return
    this.#entries--
    const nowMs = performance.now()
    let more = 0
    for (const { body } of records) {
      const payload = Buffer.from(body.buffer, body.byteOffset, 8).readDoubleLE()
      const startedMs = this.#startedMs.get(payload)!
      this.#startedMs.delete(payload)
      if (this.#watch.ended(startedMs, nowMs)) more++
    }
    this.#add(more)
    if (more === 0 && this.#startedMs.size === 0) this.#over(this.#watch)
  }

  #over(watch: Stopwatch): void {
    this.#watch = undefined
    this.#finish(watch)
  }

  #add(count: number): void {
    const nowMs = performance.now()
    for (let i = 0; i < count; i++) this.#startedMs.set(this.#next + this.#queued + i, nowMs)
    this.#queued += count
    if (this.#scheduled) return
    this.#scheduled = true
    this.#options.schedule(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#queued === 0 || this.#entries >= entriesInFlight) return
    const records = Array.from({ length: this.#queued }, () => this.#record())
    this.#queued = 0
    this.#entries++
    if (!this.#options.propose(encodeBatch(records))) throw new Error('The leader does not take proposals.')
  }

  #record(): LogRecord {
    const body = Buffer.alloc(payloadBytes, 0xa5)
    body.writeDoubleLE(this.#next++)
    return { kind: recordKind.input, rulesVersion: 1, salt: this.#options.random.bytes(saltBytes), body }
  }
}
