import { LogReader } from '../../storage/log/log-store.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import type { Store } from '../../storage/store.ts'
import { decodeDirectoryTick, type Renewal } from '../../world/directory/codec/tick.ts'
import { createDirectory, type Directory, restoreDirectory } from '../../world/directory/directory.ts'
import type { HostedAuthority } from '../hosting/opening.ts'
import { stateOf } from '../hosting/recover.ts'
import type { rulesHost } from '../hosting/rules-host.ts'
import { keptSnapshots, loadSnapshot } from '../hosting/snapshots.ts'
import type { DirectoryNews } from './view.ts'

export interface DecidedRulesParts {
  readonly store: Store
  readonly hosted: HostedAuthority
  readonly host: ReturnType<typeof rulesHost>
  readonly told: (news: DirectoryNews) => void
}

/**
 * The directory as its members have decided it, on a node that holds a replica: that one is ahead, with what may still fall off. The
 * records are read from the own disk, where they stand before anything says that they are final.
 */
export class DecidedRules {
  readonly #parts: DecidedRulesParts
  readonly #reader: LogReader
  #rules: Directory | undefined
  #size = 0
  #wantedSize = 0
  #running: Promise<void> | undefined

  constructor(parts: DecidedRulesParts) {
    this.#parts = parts
    this.#reader = new LogReader(parts.store, parts.hosted.identity.group)
  }

  /** Undefined before the first piece. Not to be changed. */
  get state(): Directory['state'] | undefined {
    return this.#rules?.state
  }

  /** The first so many leaves are final, and on the disk. */
  decided(size: number): Promise<void> {
    this.#wantedSize = Math.max(this.#wantedSize, size)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<void> {
    while (this.#size < this.#wantedSize) {
      const to = this.#wantedSize
      const isFirst = this.#rules === undefined
      const rules = this.#rules ?? (await this.#begin(to))
      this.#rules = rules
      const before = this.#size
      const changed = new Set<string>()
      const renewals = new Map<number, Renewal>()
      for await (const { firstLeaf, records } of this.#reader.batches(this.#size, to)) {
        for (const [i, record] of records.entries()) {
          const leaf = firstLeaf + i
          if (leaf < this.#size || leaf >= to) continue
          for (const name of applied(rules, record, leaf)) changed.add(name)
          for (const renewal of renewalsIn(record)) renewals.set(renewal.node, renewal)
          this.#size = leaf + 1
        }
      }
      rules.takeDirty()
      // It ends before that place: more will be told of.
      if (this.#size === before && !(isFirst && before > 0)) return
      // What a kept state has, no record read here told of.
      this.#parts.told({ changed: isFirst ? undefined : changed, renewals })
    }
  }

  /** From the newest state that is kept and decided, or from the first leaf. */
  async #begin(to: number): Promise<Directory> {
    const { store, hosted, host } = this.#parts
    const { charter, identity } = hosted
    if (charter.kind !== 'directory') throw new TypeError(`${hosted.name} is no directory`)
    const { group } = identity
    const kept = (await keptSnapshots(store, group)).findLast(({ size }) => size <= to)
    if (kept === undefined) return createDirectory(host, charter)
    const snapshot = await loadSnapshot(store, group, kept.size)
    this.#size = kept.size
    return restoreDirectory(host, charter, stateOf(snapshot, group))
  }
}

function applied(rules: Directory, { kind, body }: LogRecord, leaf: number): readonly string[] {
  const counts = kind === recordKind.input || kind === recordKind.tick
  return counts ? rules.apply(kind, body, leaf).changed : []
}

function renewalsIn({ kind, body }: LogRecord): readonly Renewal[] {
  return kind === recordKind.tick ? (decodeDirectoryTick(body)?.renewals ?? []) : []
}
