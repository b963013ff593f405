import { askHttp } from '../../protocol/http.ts'
import {
  type AuthorityView,
  type NodeView,
  readAuthorities,
  readNodes,
  readStatus,
  type StatusView,
} from './api.ts'
import { type Observable, observable } from './observable.ts'

export interface NetworkState {
  readonly status: StatusView | undefined
  readonly nodes: readonly NodeView[]
  readonly authorities: readonly AuthorityView[]
  /** Root of the API that answered last. */
  readonly source: string
  /** When it answered (`performance.now()`), undefined before the first answer. */
  readonly answeredAtMs: number | undefined
  /** Since when nobody answers; undefined while somebody does. */
  readonly silentSinceMs: number | undefined
}

export interface PollerPorts {
  readonly nowMs: () => number
  readonly fetchJson: (url: string, timeoutMs: number) => Promise<unknown>
  readonly wait: (delayMs: number) => Promise<void>
}

const POLL_MS = 1000
const TIMEOUT_MS = 1500
const MAX_BYTES = 16 * 1024 * 1024
const MAX_OTHER_HOSTS = 6

/** The API roots to try, the one that answered last first: the page outlives the node that served it. */
export function candidates(source: string, home: string, nodes: readonly NodeView[]): string[] {
  const urls = [source, ...nodes.filter(node => node.alive).map(node => node.httpUrl), home]
  const others = nodes.filter(node => !node.alive).map(node => node.httpUrl)
  return [...new Set([...urls, ...others].filter(url => url !== undefined))]
}

/**
 * Which other nodes to ask, and so few of them: a node counts only what it has a replica of, so the rest is asked of
 * a leader or, without one, of any member that is alive.
 */
export function hostsToAsk(
  source: string,
  authorities: readonly AuthorityView[],
  nodes: readonly NodeView[],
): string[] {
  const urls = new Map(nodes.filter(node => node.alive).map(node => [node.number, node.httpUrl]))
  const asked = new Set<string>()
  for (const { hosted, leader, members } of authorities) {
    if (hosted || asked.size === MAX_OTHER_HOSTS) continue
    const hosts = [leader, ...members.map(member => member.number)].map(number => urls.get(number))
    if (hosts.some(url => url !== undefined && asked.has(url))) continue
    const url = hosts.find(host => host !== undefined && host !== source)
    if (url !== undefined) asked.add(url)
  }
  return [...asked]
}

/** One answer per log: one that has a replica, and of those the longest. */
export function mergeAuthorities(answers: readonly (readonly AuthorityView[])[]): AuthorityView[] {
  const best = new Map<string, AuthorityView>()
  for (const authority of answers.flat()) {
    const other = best.get(authority.origin)
    const isBetter =
      other === undefined || (authority.hosted && (!other.hosted || authority.size > other.size))
    if (isBetter) best.set(authority.origin, authority)
  }
  return [...best.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function ask(root: string, fetchJson: PollerPorts['fetchJson']) {
  const read = (from: string, name: string) => fetchJson(`${from}/api/v1/${name}`, TIMEOUT_MS)
  const [status, nodesAnswer, own] = await Promise.all(
    ['status', 'nodes', 'authorities'].map(name => read(root, name)),
  )
  const nodes = readNodes(nodesAnswer)
  const first = readAuthorities(own)
  const others = await Promise.allSettled(hostsToAsk(root, first, nodes).map(url => read(url, 'authorities')))
  const more = others.flatMap(it => (it.status === 'fulfilled' ? [readAuthorities(it.value)] : []))
  return { status: readStatus(status), nodes, authorities: mergeAuthorities([first, ...more]) }
}

/** Asks one node once a second and goes on to the next one that is known when it stops answering. */
export function startPoller(home: string, ports: PollerPorts): Observable<NetworkState> {
  const state: Observable<NetworkState> = observable<NetworkState>({
    status: undefined,
    nodes: [],
    authorities: [],
    source: home,
    answeredAtMs: undefined,
    silentSinceMs: undefined,
  })

  async function round(): Promise<void> {
    const before = state.get()
    for (const root of candidates(before.source, home, before.nodes)) {
      const answer = await ask(root, ports.fetchJson).catch(() => undefined)
      if (answer !== undefined) {
        state.set({ ...answer, source: root, answeredAtMs: ports.nowMs(), silentSinceMs: undefined })
        return
      }
    }
    state.set({ ...before, silentSinceMs: before.silentSinceMs ?? ports.nowMs() })
  }

  async function run(): Promise<void> {
    for (;;) {
      await round()
      await ports.wait(POLL_MS)
    }
  }
  void run()
  return state
}

export const browserPorts: PollerPorts = {
  nowMs: () => performance.now(),
  async fetchJson(url, timeoutMs) {
    const { status, body, isWhole } = await askHttp(url, { timeoutMs, maxBytes: MAX_BYTES })
    if (status !== 200 || !isWhole) throw new Error(`${url} answered ${status}`)
    return JSON.parse(new TextDecoder().decode(body))
  },
  wait: delayMs => new Promise(resolve => setTimeout(resolve, delayMs)),
}
