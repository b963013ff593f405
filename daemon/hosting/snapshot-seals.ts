import { LogReader } from '../../storage/log/log-store.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import type { Store } from '../../storage/store.ts'
import { decodeSeal } from '../authority/bodies.ts'
import type { Clock } from '../ports.ts'

/** Between a mark and its seal there are records of a second. */
const maxScannedRecords = 100_000
/** Where there was none, nobody looks again for so long. */
const againMs = 5_000
const maxRemembered = 4096

export interface FoundSeal {
  readonly leaf: number
  readonly record: LogRecord
}

type Known = { readonly leaf: number } | { readonly noneUntilMs: number }

/**
 * Finds the seals that name the states of snapshots. However often peers ask, one log is looked through at a time, and not
 * again for what was found, or was not found a moment ago.
 */
export class SnapshotSeals {
  readonly #store: Store
  readonly #clock: Clock
  /** By group and size of the snapshot. */
  readonly #known = new Map<string, Known>()
  #last: Promise<unknown> = Promise.resolve()
  /** Logs that were looked through. */
  scans = 0

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** The seal of the state at `size` in a log of `logSize` leaves. */
  find(group: number, size: number, logSize: number): Promise<FoundSeal | undefined> {
    const found = this.#last.then(() => this.#find(group, size, logSize))
    this.#last = found.catch(() => {})
    return found
  }

  async #find(group: number, size: number, logSize: number): Promise<FoundSeal | undefined> {
    const key = `${group}/${size}`
    const known = this.#known.get(key)
    if (known !== undefined && 'leaf' in known) {
      const record = await new LogReader(this.#store, group).record(known.leaf)
      // A change of views may have taken it off the log.
      if (record !== undefined && isSealOf(record, size)) return { leaf: known.leaf, record }
    } else if (known !== undefined && this.#clock.monotonicMs() < known.noneUntilMs) return undefined
    const found = await this.#scan(group, size, Math.min(logSize, size + maxScannedRecords))
    this.#known.delete(key)
    this.#known.set(key, found ?? { noneUntilMs: this.#clock.monotonicMs() + againMs })
    if (this.#known.size > maxRemembered) this.#known.delete(this.#known.keys().next().value!)
    return found
  }

  async #scan(group: number, size: number, to: number): Promise<FoundSeal | undefined> {
    this.scans++
    for await (const { leaf, record } of new LogReader(this.#store, group).records(size, to)) {
      if (isSealOf(record, size)) return { leaf, record }
    }
    return undefined
  }
}

function isSealOf(record: LogRecord, size: number): boolean {
  return record.kind === recordKind.seal && decodeSeal(record.body)?.asOfSize === size
}
