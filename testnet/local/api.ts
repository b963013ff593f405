import { askHttp } from '../../client/protocol/http.ts'
import type { AuthorityView, NodeAdvertView } from '../../daemon/http/view.ts'

const limits = { timeoutMs: 2_000, maxBytes: 16 * 1024 * 1024 }

/** Undefined when the node doesn't answer. */
async function read<T>(httpUrl: string, path: string): Promise<T | undefined> {
  try {
    const { status, body } = await askHttp(`${httpUrl}${path}`, limits)
    return status === 200 ? (JSON.parse(new TextDecoder().decode(body)) as T) : undefined
  } catch {
    return undefined
  }
}

export async function readAuthorities(httpUrl: string): Promise<readonly AuthorityView[] | undefined> {
  return (await read<{ authorities: AuthorityView[] }>(httpUrl, '/api/v1/authorities'))?.authorities
}

export async function readNodes(httpUrl: string): Promise<readonly NodeAdvertView[] | undefined> {
  return (await read<{ nodes: NodeAdvertView[] }>(httpUrl, '/api/v1/nodes'))?.nodes
}

export async function isReady(httpUrl: string): Promise<boolean> {
  return (await read<{ ready: boolean }>(httpUrl, '/readyz'))?.ready === true
}
