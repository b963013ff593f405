import { ClientError } from './errors.ts'
import type { ProofSource } from './proofs.ts'

const TIMEOUT_MS = 10_000
const MAX_TRIES = 20

/** A node's HTTP API, as `http://host:port`. In a browser: of the node that served the page. */
export function nodeSource(root: string): ProofSource {
  return {
    async bytes(path) {
      for (let tries = 1; ; tries++) {
        const response = await answerOf(`${root.replace(/\/+$/, '')}/${path}`)
        if (response.ok) return new Uint8Array(await response.arrayBuffer())
        if (response.status === 404) return undefined
        if ((response.status !== 429 && response.status !== 503) || tries === MAX_TRIES)
          throw new ClientError('refused', `The node answered ${response.status}.`, {
            status: response.status,
          })
        const waitS = Number(response.headers.get('retry-after') ?? 1)
        await new Promise(resolve => setTimeout(resolve, waitS * 1000))
      }
    },
  }
}

async function answerOf(url: string): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (error) {
    throw new ClientError('unreachable', `No node answers at ${url}: ${(error as Error).message}.`)
  }
}
