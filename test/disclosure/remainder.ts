import { certificateIn, type Fetched, leavesIn } from './stranger.ts'

/** What may differ: how much there is, when, and what only hashes or signs it. */
const sizesAndTimes = new Set([
  ...[
    'size',
    'sealedSize',
    'sealHeight',
    'certifiedHeight',
    'finalHeight',
    'finalSize',
    'tick',
    'term',
    'view',
  ],
  ...['actions', 'awake', 'queues', 'checkpointRoot', 'leader', 'role', 'vkey', 'cosigner'],
  ...['bodyHash', 'index'],
])
/** Of the whole node: they are told whatever is asked for. */
const ofTheNode = ['status', 'nodes', 'peers', 'config', 'genesis'].map(path => `api/v1/${path}`)
/** Records that come by the clock. */
const byTheClock = new Set(['tick', 'mark', 'seal'])

interface Named {
  readonly name: string
  readonly origin: string
  readonly group: number
}

/** What is left of what a stranger is told, in lines, without the authority's own name. */
export function remainder(fetched: readonly Fetched[], authority: Named): string[] {
  const lines = fetched
    .filter(
      ({ what }) => !ofTheNode.includes(what) && !what.includes('/tile/') && !what.startsWith('api/v1/proof'),
    )
    .flatMap(item => [`${item.status} ${item.what.replace(/\d+$/, '')}`, ...contentOf(item, authority)])
  const headers = leavesIn(fetched).map(leaf => leaf.subarray(0, 4).join())
  const { seal, epoch, view, votes } = certificateIn(fetched)
  const decision = [seal.epoch, seal.nextEpoch, seal.nextMembers.length, epoch, view, votes.length].join()
  const group = new RegExp(`"group":${authority.group}\\b`, 'g')
  const all = [...lines, ...headers, decision].map(line =>
    line
      .replaceAll(authority.origin, 'ORIGIN')
      .replaceAll(authority.name, 'NAME')
      .replaceAll(encodeURIComponent(authority.name), 'NAME')
      .replace(group, '"group":#'),
  )
  return [...new Set(all)].sort()
}

function contentOf({ what, bytes }: Fetched, { name }: Named): string[] {
  const text = Buffer.from(bytes).toString()
  if (what.endsWith('/checkpoint'))
    return text
      .split('\n')
      .map(line => line.replace(/^(— \S+) .*/, '$1'))
      .filter((_, i) => i === 0 || i > 2)
  if (what === 'metrics')
    return text
      .split('\n')
      .filter(line => line.includes(`"${name}"`))
      .map(metric)
  if (what === 'api/v1/authorities') {
    const { authorities } = JSON.parse(text) as { authorities: { name: string }[] }
    return [told(authorities.find(authority => authority.name === name))]
  }
  if (what.startsWith('api/v1/leaves')) {
    const { leaves } = JSON.parse(text) as { leaves: { kindName: string }[] }
    return leaves.filter(({ kindName }) => !byTheClock.has(kindName)).map(told)
  }
  // A certificate, and what leads from a leaf's hash to its root.
  if (/^api\/v1\/certificate|\/certificates$|^final\/1$/.test(what)) return []
  return [text]
}

/** Numbers of sizes and times go; how many entities there are stays. */
function metric(line: string): string {
  return line.includes('entities') ? line : line.replace(/ \S+$/, '')
}

function told(value: unknown): string {
  return JSON.stringify(value, (key, inner) => (sizesAndTimes.has(key) ? undefined : inner))
}
