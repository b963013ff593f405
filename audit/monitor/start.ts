import { setTimeout as sleep } from 'node:timers/promises'
import { findArea, readGenesis } from '../genesis.ts'
import { LogSigners } from '../signers.ts'
import { IMPATIENT } from '../source/http.ts'
import { openSource } from '../source/source.ts'
import { Monitor } from './monitor.ts'
import type { Sighting } from './sighting.ts'
import { keepEvidence, watchedLog } from './watched-log.ts'

export interface MonitorPlan {
  readonly urls: readonly string[]
  readonly genesis: string
  /** Names or origins; all of the genesis file when none are given. */
  readonly authorities: readonly string[]
  /** Folder of what must not be forgotten, and of evidence. */
  readonly memory: string
  readonly everyMs: number
  readonly stillAfterMs: number
  readonly saw: (sighting: Sighting) => void
  readonly until: AbortSignal
}

/** Looks until it is told to stop. Returns how many contradictions it has found. @throws AuditError */
export async function runMonitor(plan: MonitorPlan): Promise<number> {
  const genesis = readGenesis(plan.genesis)
  const areas =
    plan.authorities.length === 0 ? genesis.areas : plan.authorities.map(name => findArea(genesis, name))
  const monitor = new Monitor({
    sources: plan.urls.map(url => openSource(url, IMPATIENT)),
    logs: areas.map(area => watchedLog(new LogSigners(genesis, area), plan.memory)),
    nowMs: () => performance.now(),
    stillAfterMs: plan.stillAfterMs,
    keep: evidence => keepEvidence(plan.memory, evidence),
  })
  let contradictions = 0
  while (!plan.until.aborted) {
    for (const sighting of await monitor.look()) {
      if (sighting.kind === 'two-faces') contradictions++
      plan.saw(sighting)
    }
    await sleep(plan.everyMs, undefined, { signal: plan.until }).catch(() => {})
  }
  return contradictions
}
