import { ClientError } from './errors.ts'
import type { ProofSource } from './proofs.ts'

const TIMEOUT_MS = 10_000
const MAX_TRIES = 20
const MAX_RETRY_AFTER_S = 2
/** Not there, or not yet. */
const NOTHING = [404, 503]

/** A node's HTTP API, as `http://host:port`. In a browser: of the node that served the page. */
export function nodeSource(root: string): ProofSource {
  return {
    async bytes(path) {
      for (let tries = 1; ; tries++) {
        const response = await answerOf(`${root.replace(/\/+$/, '')}/${path}`)
        if (response.ok) return new Uint8Array(await response.arrayBuffer())
        if (NOTHING.includes(response.status)) return undefined
        if (response.status !== 429 || tries === MAX_TRIES) throw await refusalOf(response)
        await new Promise(resolve => setTimeout(resolve, retryAfterMs(response)))
      }
    },
  }
}

/** How long a node wants to be left alone that has too much to do; nobody waits longer because a node says so. */
export function retryAfterMs({ headers }: Response): number {
  const waitS = Number(headers.get('retry-after') ?? 1)
  return 1000 * (waitS > 0 ? Math.min(waitS, MAX_RETRY_AFTER_S) : 1)
}

async function answerOf(url: string): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (error) {
    throw new ClientError('unreachable', `No node answers at ${url}: ${(error as Error).message}.`)
  }
}

async function refusalOf(response: Response): Promise<ClientError> {
  const body = (await response.json().catch(() => undefined)) as
    | { error?: { code: string; message: string } }
    | undefined
  const { code = 'refused', message = `The node answered ${response.status}.` } = body?.error ?? {}
  return new ClientError(code, message, { status: response.status })
}
