import { statSync } from 'node:fs'
import { type AuditReport, auditAuthority } from '../audit.ts'
import { AuditError } from '../errors.ts'
import { JsonLinesWriter } from './json-lines.ts'
import { SqliteWriter } from './sqlite.ts'
import type { ExportWriter } from './writer.ts'

export type ExportFormat = 'json' | 'sqlite'

export interface ExportOptions {
  readonly authority: string
  readonly from: string
  readonly genesis: string
  /** In base64, for an org that does not show its records to everybody. */
  readonly grant?: string | undefined
  readonly file: string
  readonly format: ExportFormat
  readonly onProgress?: (line: string) => void
  /** Aborted: nothing is to be written any more. */
  readonly until?: AbortSignal
}

const writers: Readonly<Record<ExportFormat, (path: string) => ExportWriter>> = {
  json: path => new JsonLinesWriter(path),
  sqlite: path => new SqliteWriter(path),
}

/**
 * Audits a log and writes what it held. A log that is not in order is not exported: the file is not there then.
 * @throws AuditError when no audit could be made, or it was broken off
 */
export async function exportAuthority(options: ExportOptions): Promise<AuditReport> {
  const { authority, from, genesis, grant, onProgress } = options
  if (statSync(options.file, { throwIfNoEntry: false })?.isDirectory())
    throw new AuditError('unreadable-file', `${options.file} is a folder: name a file.`)
  const writer = writers[options.format](options.file)
  try {
    const audit = auditAuthority({
      ...{ authority, from, genesis, grant, onProgress },
      onLog: log => writer.begin(log),
      onRecord: told => writer.record(told),
    })
    const report = await Promise.race([audit, brokenOff(options.until)])
    if (report.ok) await writer.end()
    else writer.abandon()
    return report
  } catch (error) {
    writer.abandon()
    throw error
  }
}

function brokenOff(until: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(new AuditError('broken-off', 'Broken off: nothing was written.'))
    until?.addEventListener('abort', end, { once: true })
  })
}
