import { setTimeout as sleep } from 'node:timers/promises'
import { askHttp, type HttpQuestion } from '../../client/protocol/http.ts'
import { AuditError } from '../errors.ts'
import type { LogSource } from './source.ts'

const firstPauseMs = 200
const minPauseMs = 50
const maxPauseMs = 10_000

export interface Patience {
  readonly timeoutMs: number
  readonly attempts: number
  /** A node that limits its rate says how long to wait; it is asked again so often. */
  readonly politeAttempts: number
}

/** For whoever wants all of a log. */
export const PATIENT: Patience = { timeoutMs: 15_000, attempts: 4, politeAttempts: 30 }
/** For whoever comes again soon, and has others to ask. */
export const IMPATIENT: Patience = { timeoutMs: 2_000, attempts: 1, politeAttempts: 1 }

/** A node's HTTP API. @param grant in base64, for what an org does not show to everybody */
export function httpSource(url: string, patience: Patience, grant?: string): LogSource {
  const root = url.replace(/\/+$/, '')
  const dropped = new Set<string>()
  return {
    name: root,
    read: (path, maxBytes) =>
      readUrl(`${root}/${path}`, root, { ...patience, maxBytes, bearer: grant }, () => dropped.add(path)),
    hasDropped: path => dropped.has(path),
    list: async () => undefined,
  }
}

async function readUrl(
  url: string,
  root: string,
  { attempts, politeAttempts, ...question }: Patience & HttpQuestion,
  onDropped: () => void,
): Promise<Uint8Array | undefined> {
  let failures = 0
  let waits = 0
  for (;;) {
    try {
      const { status, body, retryAfterMs } = await askHttp(url, question)
      if (status >= 200 && status < 300) return body
      if (status === 410) {
        onDropped()
        return undefined
      }
      // Not there, or not for everybody: which of them is no matter to who wants to see it.
      if (status === 404 || status === 403) return undefined
      if (status === 429 && ++waits < politeAttempts) {
        await sleep(Math.min(maxPauseMs, Math.max(minPauseMs, retryAfterMs)))
        continue
      }
      if (status < 500) throw new AuditError('refused', `${url} answers ${status}.`)
      if (++failures === attempts) throw unreachable(root, `it answers ${status}`)
    } catch (error) {
      if (error instanceof AuditError) throw error
      if (++failures === attempts) throw unreachable(root, (error as Error).message)
    }
    await sleep(firstPauseMs * 2 ** failures)
  }
}

function unreachable(root: string, reason: string): AuditError {
  return new AuditError('unreachable', `No node answers at ${root} (${reason}).`)
}
