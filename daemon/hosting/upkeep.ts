import { equalBytes } from '../../storage/bytes.ts'
import { bodiesHereOp } from '../../storage/log/bodies-here.ts'
import { dropBodiesOps } from '../../storage/log/drop-bodies.ts'
import { batchOp, LogReader } from '../../storage/log/log-store.ts'
import { decodeBatch, type LogRecord, leafData, recordKind } from '../../storage/log/record.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { tickOf } from '../../world/codec.ts'
import { decodeSeal } from '../authority/bodies.ts'
import type { Cancel, Clock, Network, PeerId } from '../ports.ts'
import type { AuthorityHost } from './authority-host.ts'
import { type KeepBodies, nextDrop, nextFill } from './retention.ts'
import { type FetchedBatch, fetchBatches } from './sync.ts'

export interface UpkeepParts {
  readonly keep: KeepBodies
  readonly store: Store
  readonly clock: Clock
  readonly network: Network
  /** Members that may have bodies which are not here. */
  readonly peers: (group: number) => readonly PeerId[]
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
/** In memory at a time: one batch at least. */
const maxFillBytes = 32 * 1024 * 1024
/** When nobody has them. */
const fillAgainMs = 3_600_000
/** A log is looked through so far for a record that tells the time. */
const maxScannedRecords = 131_072

/**
 * Drops old bodies, as the policy says, and fetches those that a catch-up left out: a small step at a time, one replica after
 * another, and none under load.
 */
export class Upkeep {
  readonly #parts: UpkeepParts
  #timer: Cancel | undefined
  #stopped = false
  #turn = 0
  #sizes = new Map<number, number>()
  /** By group: bodies that are too young, and when they are not. */
  readonly #notBeforeMs = new Map<number, number>()
  /** By group: when others are asked again for bodies that none of them had. */
  readonly #fillAtMs = new Map<number, number>()

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    if (parts.keep.kind !== 'all') this.#again()
  }

  /** A replica begins from what the disk has. */
  async opened(group: number): Promise<void> {
    if (this.#timer !== undefined) return
    const { gapFrom, gapTo } = await new LogReader(this.#parts.store, group).bodiesHere()
    if (this.#timer === undefined && gapFrom < gapTo) this.#again()
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
      await this.#fill(host)
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

  async #fill(host: AuthorityHost): Promise<void> {
    const { keep, store, clock, network, peers, authorities, write, count } = this.#parts
    const { group, log } = host.authority.replica
    const reader = new LogReader(store, group)
    const here = await reader.bodiesHere()
    const range = nextFill({ keep, here, size: log.size, settledSize: 0 })
    if (range === undefined || clock.monotonicMs() < (this.#fillAtMs.get(group) ?? 0)) return
    for (const peer of peers(group)) {
      const batches: FetchedBatch[] = []
      let sizeBytes = 0
      const request = { group, ...range }
      const came = await fetchBatches(network, clock, peer, request, batch => {
        sizeBytes += batch.batch.length
        // What is left over comes with the next step.
        if (sizeBytes <= maxFillBytes) batches.push(batch)
      }).then(
        () => true,
        () => false,
      )
      if (!came) continue
      const end = await endOf(reader, range.from, batches)
      if (end === undefined || end > here.gapTo) {
        count('bodies_refused', {})
        continue
      }
      const ops = batches.map(({ firstLeaf, index, term, batch }) =>
        batchOp(group, firstLeaf, { index, term, batch }),
      )
      if (this.#stopped || !authorities().includes(host)) return
      await new Promise<void>(resolve =>
        write([...ops, bodiesHereOp(group, { ...here, gapFrom: end })], resolve),
      )
      return
    }
    this.#fillAtMs.set(group, clock.monotonicMs() + fillAgainMs)
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

/** Where the batches end, if all can be read, and their records are exactly those of the leaves from `from` on. */
export async function endOf(
  reader: LogReader,
  from: number,
  batches: readonly FetchedBatch[],
): Promise<number | undefined> {
  const records: LogRecord[] = []
  for (const { batch } of batches) {
    const decoded = decodeBatch(batch)
    if (!decoded.ok) return undefined
    records.push(...decoded.records)
  }
  let at = 0
  for await (const { data } of reader.leaves(from, from + records.length)) {
    if (!equalBytes(data, leafData(records[at]!))) return undefined
    at += 1
  }
  return at === records.length ? from + at : undefined
}

function timeOf({ kind, body }: { readonly kind: number; readonly body: Uint8Array }): number | undefined {
  if (kind === recordKind.tick) return tickOf(body)?.timeMs
  return kind === recordKind.seal ? decodeSeal(body)?.timeMs : undefined
}
