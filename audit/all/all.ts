import { join } from 'node:path'
import { AuditError } from '../errors.ts'
import { type GenesisArea, originOf, readGenesis } from '../genesis.ts'
import { keptAt } from '../head.ts'
import { Monitor } from '../monitor/monitor.ts'
import type { Sighting } from '../monitor/sighting.ts'
import { keepEvidence, watchedLog } from '../monitor/watched-log.ts'
import { ownAuditHash } from '../own-code.ts'
import { openCheckpoint } from '../signed-checkpoint.ts'
import { LogSigners } from '../signers.ts'
import { type LogSource, openSource } from '../source/source.ts'
import type { Checkpoint } from '../verify/checkpoint.ts'
import { FinishedAudits } from './done.ts'
import { runJobs } from './pool.ts'
import { type AllReport, type AuditedLog, allReport, type FailedAudit } from './report.ts'
import type { AuditJob } from './worker.ts'

export interface AllOptions {
  readonly from: readonly string[]
  readonly genesis: string
  /** Folder with what was seen and finished before, and of evidence. */
  readonly memory: string
  /** Every source's copy of every log, instead of one copy of each and a comparison. */
  readonly everyCopy: boolean
  readonly threads: number
  readonly onProgress: (line: string) => void
  readonly until: AbortSignal
}

interface Copy {
  readonly area: GenesisArea
  readonly source: LogSource
  readonly from: string
  readonly checkpoint: Checkpoint
  readonly bodiesFrom: number
}

const maxCheckpointBytes = 64 * 1024

/**
 * Audits every log of the genesis file that the sources hold, and compares what they show of each.
 * @throws AuditError when nothing could be audited
 */
export async function auditAll(options: AllOptions): Promise<AllReport> {
  const genesis = readGenesis(options.genesis)
  const sources = options.from.map(from => ({ from, source: openSource(from) }))
  const logSigners = genesis.areas.map(area => new LogSigners(genesis, area))
  const sightings = await compare(
    options,
    logSigners,
    sources.map(({ source }) => source),
  )
  const copies: Copy[] = []
  for (const signers of logSigners) copies.push(...(await copiesOf(signers, sources)))
  const finished = new FinishedAudits(join(options.memory, 'finished.json'))
  const program = ownAuditHash()
  let others = 0
  const logs: AuditedLog[] = []
  const jobs: AuditJob[] = []
  for (const copy of options.everyCopy ? copies : largestOf(copies)) {
    const { area, source, from, checkpoint, bodiesFrom } = copy
    const { genesis: genesisPath, memory } = options
    const fillFrom = options.everyCopy ? [] : fillersOf(copy, copies)
    const before = finished.find(source.name, originOf(genesis, area), checkpoint)
    const couldDoMore =
      before !== undefined && before.report.replayedFrom > 0 && (bodiesFrom === 0 || fillFrom.length > 0)
    const isOther = before !== undefined && before.program !== program
    if (isOther) others++
    if (before !== undefined && !couldDoMore && !isOther)
      logs.push({ source: source.name, report: before.report, before: true })
    else jobs.push({ authority: area.name, from, fillFrom, genesis: genesisPath, memory })
  }
  if (others > 0) options.onProgress(looksAgain(others))
  const failed: FailedAudit[] = []
  const nameOf = (from: string): string => sources.find(it => it.from === from)!.source.name
  const total = logs.length + jobs.length
  const pool = {
    threads: options.threads,
    until: options.until,
    onProgress: (job: AuditJob, line: string) => options.onProgress(`${job.authority}: ${line}`),
  }
  await runJobs(jobs, pool, (job, result) => {
    const source = nameOf(job.from)
    if (result instanceof AuditError) failed.push({ source, authority: job.authority, error: result.message })
    else {
      logs.push({ source, report: result, before: false })
      finished.add({ source, program, report: result })
    }
    options.onProgress(`${logs.length + failed.length} of ${total} logs`)
  })
  const missing = genesis.areas
    .filter(area => !copies.some(copy => copy.area === area))
    .map(area => area.name)
  return allReport({ logs, failed, missing, sightings, ended: options.until.aborted })
}

function looksAgain(logs: number): string {
  const what = logs === 1 ? '1 log was' : `${logs} logs were`
  return `${what} found in order by another version of this program, and ${logs === 1 ? 'is' : 'are'} audited again.`
}

/** One look of a monitor: it finds two faces, and wrong tiles, without reading whole logs, and who became a member later. */
async function compare(
  { memory }: AllOptions,
  logSigners: readonly LogSigners[],
  sources: readonly LogSource[],
): Promise<Sighting[]> {
  const monitor = new Monitor({
    sources,
    logs: logSigners.map(signers => watchedLog(signers, memory)),
    nowMs: () => 0,
    stillAfterMs: Number.POSITIVE_INFINITY,
    keep: evidence => keepEvidence(memory, evidence),
  })
  return (await monitor.look()).filter(({ kind }) => kind !== 'first-seen')
}

/** Whoever holds the log and has a signed checkpoint of it. */
async function copiesOf(
  signers: LogSigners,
  sources: readonly { from: string; source: LogSource }[],
): Promise<Copy[]> {
  const { area, origin } = signers
  const found = await Promise.all(
    sources.map(async ({ from, source }): Promise<Copy | undefined> => {
      // Who does not answer is among the sightings.
      const bytes = await source.read(`log/${origin}/checkpoint`, maxCheckpointBytes).catch(() => undefined)
      const opened = bytes && openCheckpoint(bytes, signers)
      if (!opened?.ok) return undefined
      const kept = await keptAt(source, `log/${origin}`).catch(() => undefined)
      return { area, source, from, checkpoint: opened.checkpoint, bodiesFrom: kept?.bodiesFrom ?? 0 }
    }),
  )
  return found.filter(copy => copy !== undefined)
}

function largestOf(copies: readonly Copy[]): Copy[] {
  const largest = new Map<GenesisArea, Copy>()
  for (const copy of copies) {
    const known = largest.get(copy.area)
    if (known === undefined || copy.checkpoint.size > known.checkpoint.size) largest.set(copy.area, copy)
  }
  return [...largest.values()]
}

/** Who has bodies that this one has dropped, up to where its own begin; who has most first. */
function fillersOf({ area, bodiesFrom }: Copy, copies: readonly Copy[]): string[] {
  return copies
    .filter(
      other => other.area === area && other.bodiesFrom < bodiesFrom && other.checkpoint.size >= bodiesFrom,
    )
    .sort((a, b) => a.bodiesFrom - b.bodiesFrom)
    .map(({ from }) => from)
}
