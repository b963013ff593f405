/** One audit on a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads'
import { auditAuthority } from '../audit.ts'
import { AuditError, type AuditErrorCode } from '../errors.ts'
import type { AuditReport } from '../report.ts'

export interface AuditJob {
  readonly authority: string
  readonly from: string
  /** Sources that have bodies which that one has dropped. */
  readonly fillFrom: readonly string[]
  readonly genesis: string
  readonly memory: string
}

export type FromWorker =
  | { readonly progress: string }
  | { readonly report: AuditReport }
  | { readonly failed: { readonly code: AuditErrorCode; readonly message: string } }

const tell = (message: FromWorker): void => parentPort?.postMessage(message)

try {
  const report = await auditAuthority({
    ...(workerData as AuditJob),
    onProgress: progress => tell({ progress }),
  })
  tell({ report })
} catch (error) {
  if (!(error instanceof AuditError)) throw error
  tell({ failed: { code: error.code, message: error.message } })
}
