import { Worker } from 'node:worker_threads'
import { AuditError } from '../errors.ts'
import type { AuditReport } from '../report.ts'
import type { AuditJob, FromWorker } from './worker.ts'

export interface PoolOptions {
  /** At once. */
  readonly threads: number
  readonly onProgress: (job: AuditJob, line: string) => void
  /** Ends all that is under way. */
  readonly until: AbortSignal
}

/** Runs the jobs and tells of each as it ends, in whatever order they end. */
export async function runJobs(
  jobs: readonly AuditJob[],
  options: PoolOptions,
  ended: (job: AuditJob, result: AuditReport | AuditError) => void,
): Promise<void> {
  const waiting = [...jobs]
  const runNext = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      if (options.until.aborted) return
      const result = await runJob(job, options)
      if (result !== undefined) ended(job, result)
    }
  }
  await Promise.all(Array.from({ length: options.threads }, runNext))
}

/** Undefined when it was ended. */
function runJob(
  job: AuditJob,
  { onProgress, until }: PoolOptions,
): Promise<AuditReport | AuditError | undefined> {
  const worker = new Worker(
    new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
    {
      workerData: job,
    },
  )
  return new Promise((resolve, reject) => {
    const end = (): void => {
      resolve(undefined)
      void worker.terminate()
    }
    until.addEventListener('abort', end, { once: true })
    worker.on('message', (message: FromWorker) => {
      if ('progress' in message) onProgress(job, message.progress)
      else if ('report' in message) resolve(message.report)
      else resolve(new AuditError(message.failed.code, message.failed.message))
    })
    worker.on('error', reject)
    worker.on('exit', () => {
      until.removeEventListener('abort', end)
      resolve(undefined)
    })
  })
}
