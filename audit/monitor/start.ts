import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256 } from '../crypto.ts'
import { writeDurably } from '../durable-file.ts'
import { findArea, logVerifiers, originOf, readGenesis } from '../genesis.ts'
import { LogMemory } from '../memory.ts'
import { openCheckpoint } from '../signed-checkpoint.ts'
import { IMPATIENT } from '../source/http.ts'
import { openSource } from '../source/source.ts'
import { hex, utf8 } from '../verify/bytes.ts'
import { Monitor } from './monitor.ts'
import type { Sighting } from './sighting.ts'

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
  const logs = areas.map(area => {
    const origin = originOf(genesis, area)
    const keys = [...logVerifiers(genesis, area).values()]
    const memory = new LogMemory(plan.memory, origin, note => {
      const opened = openCheckpoint(Buffer.from(note), origin, keys)
      return opened.ok ? opened.checkpoint : undefined
    })
    return { origin, keys, memory }
  })
  const monitor = new Monitor({
    sources: plan.urls.map(url => openSource(url, IMPATIENT)),
    logs,
    nowMs: () => performance.now(),
    stillAfterMs: plan.stillAfterMs,
    keep(evidence) {
      const name = hex(sha256(utf8(evidence))).slice(0, 16)
      const path = join(plan.memory, 'evidence', `${name}.evidence`)
      writeDurably(path, evidence)
      return path
    },
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
