import { askHttp, type HttpAnswer } from '../protocol/http.ts'
import { plainLine } from '../protocol/plain-text.ts'
import { ClientError } from './errors.ts'
import type { ProofSource } from './proofs.ts'

/** The longest is a bundle of 256 bodies. */
const LIMITS = { timeoutMs: 10_000, maxBytes: 32 * 1024 * 1024 }
/** What is brought may have to be decided first: a node says after 20 s that it is not. */
const POST_TIMEOUT_MS = 30_000
const MAX_TRIES = 20
const MAX_RETRY_AFTER_MS = 2_000
/** A sentence is shorter. */
const MAX_MESSAGE_CHARS = 300

/**
 * A node's HTTP API, as `http://host:port`. In a browser: of the node that served the page.
 * @param grant in base64, for what an org does not show to everybody
 */
export function nodeSource(root: string, grant?: string): ProofSource {
  return {
    bytes: path =>
      askNode(root, path, { grant }).catch((error: ClientError) => {
        // Not there, or not yet.
        if ([404, 503].includes(error.facts['status'] as number)) return undefined
        throw error
      }),
  }
}

export interface NodeQuestion {
  /** Shown with the question, in base64. */
  readonly grant?: string | undefined
  /** What is brought to the node; it may be brought again. */
  readonly post?: string
}

/**
 * What a node has at this path below its root; it is asked again while it has too much to do.
 * @throws ClientError `unreachable`, `too-long`, or with the node's own code and its `status`
 */
export async function askNode(
  root: string,
  path: string,
  { grant, post }: NodeQuestion = {},
): Promise<Uint8Array> {
  const timeoutMs = post === undefined ? LIMITS.timeoutMs : POST_TIMEOUT_MS
  const limits = { timeoutMs, maxBytes: LIMITS.maxBytes, ...(post !== undefined && { post }) }
  const url = `${root.replace(/\/+$/, '')}/${path}`
  for (let tries = 1; ; tries++) {
    const answer = await askHttp(url, { ...limits, bearer: grant }).catch((error: Error) => {
      throw new ClientError('unreachable', `No node answers at ${root} (${error.message}).`)
    })
    if (!answer.isWhole) {
      const most = `${LIMITS.maxBytes / 1024 / 1024} MiB`
      throw new ClientError('too-long', `${url} answers with more than ${most}: no node does that.`)
    }
    if (answer.status >= 200 && answer.status < 300) return answer.body
    if (answer.status !== 429 || tries === MAX_TRIES) throw refusalOf(answer)
    // Nobody waits longer because a node says so.
    await new Promise(resolve => setTimeout(resolve, Math.min(answer.retryAfterMs, MAX_RETRY_AFTER_MS)))
  }
}

function refusalOf({ status, body }: HttpAnswer): ClientError {
  const { code, message } = errorIn(body)
  return new ClientError(shown(code) ?? 'refused', shown(message) ?? `The node answered ${status}.`, {
    status,
  })
}

/** It may be a stranger's node, and its words come to a terminal. */
function shown(word: unknown): string | undefined {
  if (typeof word !== 'string') return undefined
  return plainLine(word.length <= MAX_MESSAGE_CHARS ? word : `${word.slice(0, MAX_MESSAGE_CHARS - 1)}…`)
}

function errorIn(body: Uint8Array): { readonly code?: unknown; readonly message?: unknown } {
  try {
    return (JSON.parse(new TextDecoder().decode(body)) as { error?: object } | null)?.error ?? {}
  } catch {
    return {}
  }
}
