import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { type Tick, tickOf } from '../../world/codec.ts'
import { decodeSeal } from './bodies.ts'
import type { AppliedEntry, Replica } from './replica.ts'
import type { AuthorityIdentity, Fault } from './types.ts'

/**
 * Further ahead of this member's own clock it lets no leader take an authority: what is in a log stays in it, its time too. A
 * node that is five minutes away from most others ends, so that two of those that go on are ten apart at most.
 */
export const maxAheadMs = 15 * 60 * 1000

/** Holds a leader's time against this node's own clock, before the node votes for it. */
export class Ahead {
  readonly #identity: AuthorityIdentity
  #tick: number
  /** Of this node's clock. */
  wallMs: number

  constructor(identity: AuthorityIdentity, replica: Pick<Replica, 'rules'>, wallMs: number) {
    this.#identity = identity
    this.wallMs = wallMs
    this.#tick = replica.rules.tick
  }

  /** In the entry that was applied last. */
  faults({ firstLeaf, records, applied }: AppliedEntry): Fault[] {
    const lastMs = this.wallMs + maxAheadMs
    const leaves = records.flatMap((record, i) => {
      const isTick = record.kind === recordKind.tick && applied[i]?.ignored === undefined
      const isAhead = isTick ? this.#isAhead(tickOf(record.body)!, lastMs) : isDated(record, lastMs)
      return isAhead ? [firstLeaf + i] : []
    })
    const what = `the leader's time is more than ${maxAheadMs} ms ahead of this node's`
    return leaves.map(leaf => ({ leaf, code: 'ahead-of-time', what }))
  }

  #isAhead({ tick, timeMs }: Tick, lastMs: number): boolean {
    const ticks = tick - this.#tick
    this.#tick = tick
    const { createdAtMs, tickMs } = this.#identity
    // Where it is ahead already, by a decision of the members, an honest leader goes on one by one.
    return timeMs > lastMs || (createdAtMs + tick * tickMs > lastMs && ticks > 1)
  }
}

/** A seal names its leader's time too. */
function isDated({ kind, body }: LogRecord, lastMs: number): boolean {
  return kind === recordKind.seal && (decodeSeal(body)?.timeMs ?? 0) > lastMs
}
