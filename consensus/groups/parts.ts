import { RaftFault } from '../raft/fault.ts'
import type { Clocks } from './clocks.ts'
import type { Departure } from './departures.ts'
import type { DiskWatch } from './disk-watch.ts'
import type { EffectsBuilder } from './effects.ts'
import type { CoreSettings, HostedGroup } from './hosted-group.ts'
import type { Outbox } from './outbox.ts'
import type { ReadBook } from './reads.ts'
import type { WriteQueue } from './write-queue.ts'

/** What the host and the files that do its work share. */
export interface HostParts {
  readonly settings: CoreSettings
  readonly groups: Map<number, HostedGroup>
  /** Groups that this node had a replica of, and has none now. */
  readonly departed: Map<number, Departure>
  /** Groups whose core may have something to hand out. */
  readonly dirty: Set<HostedGroup>
  /** Groups whose disk was lost, and which do not vote yet. */
  readonly rejoining: Set<HostedGroup>
  /** Groups that follow their first leader only. */
  readonly held: Set<HostedGroup>
  readonly peersUp: Set<number>
  readonly outbox: Outbox
  readonly writes: WriteQueue
  readonly clocks: Clocks
  readonly effects: EffectsBuilder
  readonly disk: DiskWatch
  readonly reads: ReadBook
  readonly counters: Map<string, number>
  readonly nowMs: () => number
}

export function count(parts: HostParts, code: string, by = 1): void {
  parts.counters.set(code, (parts.counters.get(code) ?? 0) + by)
}

/** Its records stay on disk. */
export function closeGroup(parts: HostParts, group: number): void {
  const hosted = parts.groups.get(group)
  if (hosted === undefined) return
  parts.groups.delete(group)
  parts.dirty.delete(hosted)
  parts.rejoining.delete(hosted)
  parts.held.delete(hosted)
  parts.outbox.forget(group)
  parts.clocks.close(hosted)
  parts.writes.forget(hosted)
}

/** A core that contradicts itself ends its own group, before anything that followed from it leaves, and no other. */
export function contain(parts: HostParts, hosted: HostedGroup, run: (hosted: HostedGroup) => void): void {
  try {
    run(hosted)
  } catch (error) {
    if (!(error instanceof RaftFault)) throw error
    const { group } = hosted.instance
    closeGroup(parts, group)
    count(parts, 'raft-fault')
    parts.effects.fault({ group, code: error.code, message: error.message })
  }
}
