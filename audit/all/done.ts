import { readFileSync } from 'node:fs'
import { writeDurably } from '../durable-file.ts'
import type { AuditReport } from '../report.ts'
import { toBase64 } from '../verify/bytes.ts'
import type { Checkpoint } from '../verify/checkpoint.ts'

/** An audit that was finished: of this log as this source showed it. */
export interface FinishedAudit {
  readonly source: string
  readonly report: AuditReport
}

const maxFinished = 10_000

/** Finished audits, kept in a file, so that one that was broken off is taken up where it was. */
export class FinishedAudits {
  readonly #path: string
  readonly #finished: FinishedAudit[]

  constructor(path: string) {
    this.#path = path
    this.#finished = load(path)
  }

  /** The report on exactly this log, if it was in order: what was wrong is looked at again. */
  find(source: string, origin: string, { size, root }: Checkpoint): AuditReport | undefined {
    return this.#finished.find(
      ({ source: of, report }) =>
        of === source &&
        report.origin === origin &&
        report.size === size &&
        report.root === toBase64(root) &&
        report.ok,
    )?.report
  }

  add(finished: FinishedAudit): void {
    const { origin } = finished.report
    const older = this.#finished.findIndex(it => it.source === finished.source && it.report.origin === origin)
    if (older >= 0) this.#finished.splice(older, 1)
    this.#finished.push(finished)
    if (this.#finished.length > maxFinished) this.#finished.shift()
    writeDurably(this.#path, `${JSON.stringify({ format: 1, finished: this.#finished })}\n`)
  }
}

/** What cannot be read is audited again. */
function load(path: string): FinishedAudit[] {
  try {
    const file = JSON.parse(readFileSync(path, 'utf8')) as { format?: unknown; finished?: unknown }
    return file.format === 1 && Array.isArray(file.finished) ? file.finished : []
  } catch {
    return []
  }
}
