import { dropBodiesOps } from '../../storage/log/drop-bodies.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { recordKind } from '../../storage/log/record.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { decodeTick } from '../../world/codec.ts'
import { decodeSeal } from '../authority/bodies.ts'
import type { Cancel, Clock } from '../ports.ts'
import type { AuthorityHost } from './authority-host.ts'
import { type KeepBodies, nextDrop } from './retention.ts'

export interface UpkeepParts {
  readonly keep: KeepBodies
  readonly store: Store
  readonly clock: Clock
  readonly authorities: () => readonly AuthorityHost[]
  /** How long the disk has been busy with one write. */
  readonly diskBusyMs: () => number
  /** Puts ops into the node's next batch; `written` is called once they can be read back. */
  readonly write: (ops: readonly StoreOp[], written: () => void) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

const stepEveryMs = 500
/** A node that applies more than this, or whose disk lets it wait, has other things to do. */
const busyRecordsPerS = 2_000
const busyDiskMs = 50
/** A log is looked through so far for a record that tells the time. */
const maxScannedRecords = 131_072

/** Drops old bodies, as the policy says: a small step at a time, one replica after another, and none under load. */
export class Upkeep {
  readonly #parts: UpkeepParts
  #timer: Cancel | undefined
  #stopped = false
  #turn = 0
  #sizes = new Map<number, number>()
  /** By group: bodies that are too young, and when they are not. */
  readonly #notBeforeMs = new Map<number, number>()

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    if (parts.keep.kind !== 'all') this.#again()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.()
  }

  #again(): void {
    if (this.#stopped) return
    this.#timer = this.#parts.clock.after(stepEveryMs, () => void this.#run().finally(() => this.#again()))
  }

  async #run(): Promise<void> {
    const hosts = this.#parts.authorities()
    const host = hosts[this.#turn++ % Math.max(1, hosts.length)]
    if (this.#isBusy(hosts) || host === undefined || host.halted) return
    try {
      await this.#drop(host)
    } catch (error) {
      host.halt(error as Error)
    }
  }

  #isBusy(hosts: readonly AuthorityHost[]): boolean {
    const sizes = new Map(hosts.map(({ authority: { replica } }) => [replica.group, replica.log.size]))
    let records = 0
    for (const [group, size] of sizes) records += size - (this.#sizes.get(group) ?? size)
    this.#sizes = sizes
    return records * 1000 > busyRecordsPerS * stepEveryMs || this.#parts.diskBusyMs() > busyDiskMs
  }

  async #drop(host: AuthorityHost): Promise<void> {
    const { keep, store, authorities, write, count } = this.#parts
    const { group, log } = host.authority.replica
    const reader = new LogReader(store, group)
    const settledSize = Math.min(host.oldestSnapshotSize, host.published.size)
    const to = nextDrop({ keep, here: await reader.bodiesHere(), size: log.size, settledSize })
    if (to === undefined || (keep.kind === 'time' && !(await this.#isOld(keep.ms, reader, host, to)))) return
    const ops = await dropBodiesOps(store, group, to)
    if (this.#stopped || !authorities().includes(host)) return
    await new Promise<void>(resolve => write(ops, resolve))
    count('bodies_dropped', {})
  }

  /** Whether a record at the end of those below `to`, or behind them, was made before the time that is kept. */
  async #isOld(keepMs: number, reader: LogReader, host: AuthorityHost, to: number): Promise<boolean> {
    const { group, log } = host.authority.replica
    const nowMs = this.#parts.clock.wallMs()
    if (nowMs < (this.#notBeforeMs.get(group) ?? 0)) return false
    for await (const { record } of reader.records(to - 1, Math.min(log.size, to + maxScannedRecords))) {
      const timeMs = timeOf(record)
      if (timeMs === undefined) continue
      this.#notBeforeMs.set(group, timeMs + keepMs)
      return nowMs >= timeMs + keepMs
    }
    return false
  }
}

function timeOf({ kind, body }: { readonly kind: number; readonly body: Uint8Array }): number | undefined {
  if (kind === recordKind.tick) return decodeTick(body)?.timeMs
  return kind === recordKind.seal ? decodeSeal(body)?.timeMs : undefined
}
