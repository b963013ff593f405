import type { AuthorityView, NodeView, QueueView } from '../http/view.ts'
import type { GaugeValue, Metrics } from './metrics.ts'

/** What Prometheus reads from a node at each scrape. */
export function exposeNode(metrics: Metrics, view: NodeView): void {
  const status = metrics.perScrape(() => view.status())
  const hosted = metrics.perScrape(() => view.authorities().filter(authority => authority.hosted))
  metrics.gauge('ready', 'Whether the node is ready: 1 or 0.', () => (view.notReady().length === 0 ? 1 : 0))
  metrics.gauge('peers', 'Nodes connected.', () => status().peers)
  metrics.gauge('sessions', 'Game clients connected.', () => status().sessions)
  metrics.gauge('uptime_seconds', 'Time since the start.', () => status().uptimeMs / 1000)

  metrics.gauge('evidence_kept', 'Pieces of evidence kept.', () => view.evidence().length)

  const self = view.status().number
  const perAuthority = (name: string, help: string, read: (authority: AuthorityView) => number): void =>
    metrics.gauges(`authority_${name}`, help, ['authority'], () =>
      hosted().map(authority => ({ labels: { authority: authority.name }, value: read(authority) })),
    )
  perAuthority('leads', 'Whether this node leads it: 1 or 0.', it => (it.leader === self ? 1 : 0))
  perAuthority('rejoining', 'Whether its replica here lost its disk and does not vote yet: 1 or 0.', it =>
    it.rejoining === null ? 0 : 1,
  )
  perAuthority('term', "Raft's term.", it => it.term)
  perAuthority('leaves', 'Leaves committed.', it => it.size)
  perAuthority('sealed_leaves', 'Leaves under the last seal.', it => it.sealedSize)
  perAuthority('entities', 'Entities owned.', it => it.entities)

  const queueLabels = ['authority', 'queue']
  metrics.gauges('authority_queue_length', 'What waits in each queue.', queueLabels, () =>
    queues(hosted(), 'length'),
  )
  metrics.gauges('authority_queue_dropped', 'What each queue dropped.', queueLabels, () =>
    queues(hosted(), 'dropped'),
  )
}

function queues(hosted: readonly AuthorityView[], field: keyof QueueView): GaugeValue[] {
  return hosted.flatMap(authority =>
    Object.entries(authority.queues).map(([queue, counts]) => ({
      labels: { authority: authority.name, queue },
      value: counts[field],
    })),
  )
}
