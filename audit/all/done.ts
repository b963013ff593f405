import { writeDurably } from '../durable-file.ts'
import { isText, jsonOf, listOf, objectOf } from '../json.ts'
import { readKeptFile } from '../kept-file.ts'
import { type AuditReport, reportOf } from '../report.ts'
import { toBase64 } from '../verify/bytes.ts'
import type { Checkpoint } from '../verify/checkpoint.ts'

/** An audit that was finished: of this log as this source showed it. */
export interface FinishedAudit {
  readonly source: string
  /** That has made it: `ownAuditHash`; older ones did not say. */
  readonly program?: string
  readonly report: AuditReport
}

const maxFinished = 10_000
const maxFileBytes = 64 * 1024 * 1024

/** Finished audits, kept in a file, so that one that was broken off is taken up where it was. */
export class FinishedAudits {
  readonly #path: string
  readonly #finished: FinishedAudit[]

  constructor(path: string) {
    this.#path = path
    this.#finished = load(path)
  }

  /** The report on exactly this log, if it was in order: what was wrong is looked at again. */
  find(source: string, origin: string, { size, root }: Checkpoint): FinishedAudit | undefined {
    return this.#finished.find(
      ({ source: of, report }) =>
        of === source &&
        report.origin === origin &&
        report.size === size &&
        report.root === toBase64(root) &&
        report.ok,
    )
  }

  add(finished: FinishedAudit): void {
    const { origin } = finished.report
    const older = this.#finished.findIndex(it => it.source === finished.source && it.report.origin === origin)
    if (older >= 0) this.#finished.splice(older, 1)
    this.#finished.push(finished)
    if (this.#finished.length > maxFinished) this.#finished.shift()
    writeDurably(this.#path, formatFinished(this.#finished))
  }
}

/** What cannot be read is audited again. */
function load(path: string): FinishedAudit[] {
  try {
    return parseFinished(readKeptFile(path, maxFileBytes) ?? '') ?? []
  } catch {
    return []
  }
}

export function formatFinished(finished: readonly FinishedAudit[]): string {
  return `${JSON.stringify({ format: 1, finished })}\n`
}

/** Undefined unless it is what `formatFinished` makes. */
export function parseFinished(text: string): FinishedAudit[] | undefined {
  const finished = listOf(objectOf(jsonOf(text))?.['finished'], isObject)?.map(
    ({ source, program, report }) => {
      return { source, ...(isText(program) && { program }), report: reportOf(report) }
    },
  )
  const isOne = (it: object): it is FinishedAudit => 'source' in it && isText(it.source)
  if (finished === undefined || !finished.every(it => isOne(it) && it.report !== undefined)) return undefined
  return formatFinished(finished as FinishedAudit[]) === text ? (finished as FinishedAudit[]) : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return objectOf(value) !== undefined
}
