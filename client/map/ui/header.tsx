import type { FeedState } from '../model/feed.ts'
import { ago, short } from '../model/format.ts'
import type { NetworkState } from '../model/poller.ts'

interface Props {
  readonly network: NetworkState
  readonly feed: FeedState
  readonly nowMs: number
}

const host = (url: string): string => url.replace(/^\w+:\/\//, '')

function Source({ network, nowMs }: Omit<Props, 'feed'>) {
  if (network.answeredAtMs === undefined) return <span class="pill">looking for a node …</span>
  if (network.silentSinceMs !== undefined) {
    return <span class="pill bad">stale · last heard {ago(nowMs - network.answeredAtMs)}</span>
  }
  const node = network.status?.number
  return <span class="pill good">live · {node ? `node ${node}` : host(network.source)}</span>
}

function Gateway({ phase }: Pick<FeedState, 'phase'>) {
  if (phase === 'no-gateway') return <span class="pill bad">no gateway</span>
  return phase === 'connecting' ? <span class="pill">connecting …</span> : null
}

export function Header({ network, feed, nowMs }: Props) {
  const { status } = network
  return (
    <header class="top">
      <h1>Freehold</h1>
      <p class="network">
        {status === undefined ? '' : `${status.network || 'network'} · genesis ${short(status.genesisHash)}`}
      </p>
      <span class="pills">
        {network.silentSinceMs === undefined ? <Gateway phase={feed.phase} /> : null}
        <Source network={network} nowMs={nowMs} />
      </span>
    </header>
  )
}

/** What is wrong right now, in one sentence, and what the page does about it. */
export function Banner({ network, feed, nowMs }: Props) {
  const words = problem(network, feed, nowMs)
  return (
    <div class={words === undefined ? 'banner hidden' : 'banner'} role="status" data-testid="banner">
      {words}
    </div>
  )
}

function problem(network: NetworkState, feed: FeedState, nowMs: number): string | undefined {
  if (network.silentSinceMs !== undefined) {
    const { answeredAtMs } = network
    if (answeredAtMs === undefined)
      return `No node answers at ${host(network.source)}. Trying again every second.`
    return `No node answers; what you see is from ${ago(nowMs - answeredAtMs)}. Trying all known nodes every second.`
  }
  if (feed.phase === 'no-gateway') {
    return 'No node that is alive has a gateway, so nothing can be seen moving and nobody can enter. Waiting for one.'
  }
  if (feed.phase === 'connecting' && feed.problem !== '') {
    return `The gateway at ${host(feed.gateway)} is not to be had (${feed.problem}). Trying the next one.`
  }
  return undefined
}
