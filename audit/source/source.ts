import { statSync } from 'node:fs'
import { AuditError } from '../errors.ts'
import { folderSource } from './folder.ts'
import { httpSource, PATIENT, type Patience } from './http.ts'

/** Where a log is read from. Paths are as in URLs: `log/<origin>/checkpoint`. */
export interface LogSource {
  /** What the auditor's memory calls it. */
  readonly name: string
  /**
   * The file's bytes, cut off just past `maxBytes` when there are more; undefined where there is no such file.
   * @throws AuditError `unreachable` or `refused`
   */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>
  /** Whether the source said of a file that was asked for that it had it once: a record's body, dropped by policy. */
  hasDropped(path: string): boolean
  /** All files below a path, where that can be known. */
  list(path: string): Promise<readonly string[] | undefined>
}

/** @param grant shown to a node, for what an org does not show to everybody */
export function openSource(from: string, patience: Patience = PATIENT, grant?: string): LogSource {
  if (/^https?:\/\//.test(from) && URL.canParse(from)) return httpSource(from, patience, grant)
  if (statSync(from, { throwIfNoEntry: false })?.isDirectory()) return folderSource(from)
  throw new AuditError('unreachable', `${from} is neither a folder nor a URL like http://127.0.0.1:7302.`)
}
