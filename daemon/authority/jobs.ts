import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { encodeTick } from '../../world/codec.ts'
import { encodeMark, encodeSeal } from './bodies.ts'
import { BoundedQueue } from './queue.ts'
import type { Replica } from './replica.ts'
import type { AuthorityIdentity, AuthorityLimits, RecordMaker, TickMaker } from './types.ts'

/** Ticks that say what time it is, as long as the rules need that. */
export function plainTicks({ tickMs }: AuthorityIdentity): TickMaker {
  return { everyMs: tickMs, isWanted: () => false, bodyOf: encodeTick }
}

export type SimulationJob = 'charter' | 'tick' | 'mark' | 'seal'

const jobOfKind: ReadonlyMap<number, SimulationJob> = new Map([
  [recordKind.charter, 'charter'],
  [recordKind.tick, 'tick'],
  [recordKind.mark, 'mark'],
  [recordKind.seal, 'seal'],
])

/** The records that a leader makes of its own: each is planned, proposed and applied before it is planned again. */
export class Jobs {
  readonly queue: BoundedQueue<SimulationJob>
  readonly #identity: AuthorityIdentity
  readonly #replica: Replica
  readonly #newRecord: RecordMaker
  readonly #inFlight = new Set<SimulationJob>()
  readonly #ticks: TickMaker
  #lastProposedTick = 0
  #nextMembers: readonly number[] | undefined
  /** A seal that names other members is on its way. */
  #isEndProposed = false

  constructor(
    identity: AuthorityIdentity,
    replica: Replica,
    newRecord: RecordMaker,
    limits: AuthorityLimits,
    ticks: TickMaker,
  ) {
    this.#ticks = ticks
    this.#identity = identity
    this.#replica = replica
    this.#newRecord = newRecord
    this.queue = new BoundedQueue('simulation', limits.simulationJobs)
  }

  plan(job: SimulationJob): void {
    if (this.#inFlight.has(job)) return
    if (this.queue.push(job)) this.#inFlight.add(job)
  }

  /** Applied, or not even proposed: each may be planned again. One that is on its way may not. */
  done(records: readonly LogRecord[]): void {
    for (const { kind } of records) {
      if (kind === recordKind.input) continue
      const job = jobOfKind.get(kind)
      if (job !== undefined) this.#inFlight.delete(job)
      if (job === 'seal') this.#isEndProposed = false
    }
  }

  abandon(): void {
    this.#inFlight.clear()
    this.#isEndProposed = false
    this.#nextMembers = undefined
    this.queue.drain()
  }

  /** Who shall decide after the next seal, when others than now. */
  get nextMembers(): readonly number[] | undefined {
    return this.#nextMembers
  }

  set nextMembers(members: readonly number[] | undefined) {
    const isSame = members?.join() === this.#replica.regime.members.join()
    this.#nextMembers = isSame ? undefined : members
  }

  /** Other members are named: what would stand behind that seal falls off when it is decided. */
  get isEnding(): boolean {
    return this.#isEndProposed || this.#replica.regime.epoch > this.#identity.epoch
  }

  /** The first record of a log, when it is planned. */
  takeCharter(): LogRecord | undefined {
    if (this.queue.peek() !== 'charter') return undefined
    this.queue.shift()
    return this.#newRecord(recordKind.charter, this.#identity.charterBody)
  }

  /** What is planned. Marks and seals end their entry: a snapshot is taken just after a mark, a checkpoint just after a seal. */
  take(wallMs: number): LogRecord[] {
    const records: LogRecord[] = []
    for (let job = this.queue.shift(); job !== undefined; job = this.queue.shift()) {
      records.push(this.#recordOf(job, wallMs))
      if (job === 'mark' || job === 'seal') break
    }
    return records
  }

  #recordOf(job: SimulationJob, wallMs: number): LogRecord {
    if (job === 'tick') return this.tickRecord(wallMs)
    if (job === 'mark')
      return this.#newRecord(recordKind.mark, encodeMark({ height: this.#replica.nextHeight }))
    return this.#newRecord(recordKind.seal, this.#sealBody(wallMs))
  }

  /** After a pause time stands where the last tick left it, and an input must not begin in the past. */
  isBehind(wallMs: number): boolean {
    return this.#tickNow(wallMs) > this.#newestTick + this.#ticks.everyMs / this.#identity.tickMs
  }

  tickRecord(wallMs: number): LogRecord {
    const tick = Math.max(this.#tickNow(wallMs), this.#newestTick + 1)
    this.#lastProposedTick = tick
    return this.#newRecord(recordKind.tick, this.#ticks.bodyOf({ tick, timeMs: wallMs }))
  }

  get #newestTick(): number {
    return Math.max(this.#replica.rules.tick, this.#lastProposedTick)
  }

  #tickNow(wallMs: number): number {
    return Math.floor((wallMs - this.#identity.createdAtMs) / this.#identity.tickMs)
  }

  #sealBody(wallMs: number): Uint8Array {
    const mark = this.#replica.pendingMark!
    const { epoch, members } = this.#replica.regime
    this.#isEndProposed = this.#nextMembers !== undefined
    return encodeSeal({
      height: mark.height,
      epoch,
      previous: this.#replica.previousHash,
      stateRoot: mark.stateRoot,
      asOfSize: mark.size,
      tick: this.#replica.rules.tick,
      timeMs: wallMs,
      nextMembers: this.#nextMembers ?? members,
    })
  }
}
