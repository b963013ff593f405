import { setTimeout as sleep } from 'node:timers/promises'
import { AuditError } from '../errors.ts'
import type { LogSource } from './source.ts'

const firstPauseMs = 200
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

/** A node's HTTP API. */
export function httpSource(url: string, patience: Patience): LogSource {
  const root = url.replace(/\/+$/, '')
  const dropped = new Set<string>()
  return {
    name: root,
    read: (path, maxBytes) => readUrl(`${root}/${path}`, root, maxBytes, patience, () => dropped.add(path)),
    hasDropped: path => dropped.has(path),
    list: async () => undefined,
  }
}

async function readUrl(
  url: string,
  root: string,
  maxBytes: number,
  { timeoutMs, attempts, politeAttempts }: Patience,
  onDropped: () => void,
): Promise<Uint8Array | undefined> {
  let failures = 0
  let waits = 0
  for (;;) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
      if (response.ok) return await bodyUpTo(response, maxBytes)
      await response.body?.cancel()
      if (response.status === 410) {
        onDropped()
        return undefined
      }
      // Not there, or not for everybody: which of them is no matter to who wants to see it.
      if (response.status === 404 || response.status === 403) return undefined
      if (response.status === 429 && ++waits < politeAttempts) {
        await sleep(pauseOf(response))
        continue
      }
      if (response.status < 500) throw new AuditError('refused', `${url} answers ${response.status}.`)
      if (++failures === attempts) throw unreachable(root, `it answers ${response.status}`)
    } catch (error) {
      if (error instanceof AuditError) throw error
      if (++failures === attempts) throw unreachable(root, reasonOf(error as Error))
    }
    await sleep(firstPauseMs * 2 ** failures)
  }
}

function unreachable(root: string, reason: string): AuditError {
  return new AuditError('unreachable', `No node answers at ${root} (${reason}).`)
}

function reasonOf({ cause, message }: Error): string {
  const inner = cause as NodeJS.ErrnoException | undefined
  return inner?.code ?? inner?.message ?? message
}

function pauseOf(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 1)
  return Math.min(maxPauseMs, Math.max(50, Number.isFinite(seconds) ? 1000 * seconds : 1000))
}

/** At most one byte more than `maxBytes`, so that the reader sees that it is too long. */
async function bodyUpTo(response: Response, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    parts.push(part)
    length += part.length
    if (length > maxBytes) break
  }
  return Buffer.concat(parts).subarray(0, maxBytes + 1)
}
