import { recordKind } from '../../storage/log/record.ts'
import type { AppliedEntry, Replica } from './replica.ts'
import type { AuthorityIdentity, Fault } from './types.ts'

/**
 * What is in a log stays in it, its time too. Honest clocks may be wrong by a day, as those of machines that were set by hand;
 * further ahead of this member's own clock it lets no leader take an authority.
 */
const maxAheadMs = 2 * 24 * 60 * 60 * 1000

/** Holds a leader's time against this node's own clock, before the node votes for it. */
export class Ahead {
  readonly #identity: AuthorityIdentity
  readonly #replica: Replica
  #tick: number
  /** Of this node's clock; undefined until it is known. */
  wallMs: number | undefined

  constructor(identity: AuthorityIdentity, replica: Replica) {
    this.#identity = identity
    this.#replica = replica
    this.#tick = replica.world.tick
  }

  /** Of the entry that was applied last. */
  fault({ firstLeaf, records, sealed }: AppliedEntry): Fault | undefined {
    const { tick, timeMs } = this.#replica.world
    const ticks = tick - this.#tick
    this.#tick = tick
    if (this.wallMs === undefined || (ticks === 0 && sealed === undefined)) return undefined
    const lastMs = this.wallMs + maxAheadMs
    const { createdAtMs, tickMs } = this.#identity
    // Where it is ahead already, by a decision of the members, an honest leader goes on one by one.
    const isFar = createdAtMs + tick * tickMs > lastMs && ticks > countTicks(records)
    const isDated = (ticks > 0 && timeMs > lastMs) || (sealed?.seal.timeMs ?? 0) > lastMs
    if (!isFar && !isDated) return undefined
    const what = `the leader's time is more than ${maxAheadMs} ms ahead of this node's`
    return { leaf: firstLeaf, code: 'ahead-of-time', what }
  }
}

function countTicks(records: AppliedEntry['records']): number {
  return records.filter(({ kind }) => kind === recordKind.tick).length
}
