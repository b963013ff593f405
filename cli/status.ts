import type { Command } from 'commander'
import type { AuthorityView, NodeAdvertView, StatusView } from '../daemon/http/view.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { duration, facts, print, table } from './output.ts'

export function statusCommand(): Command {
  return readCommand('status', 'what a node is, and which nodes of the network it sees').action(status)
}

async function status(options: ReadCommandOptions): Promise<void> {
  const api = nodeApi(options)
  const [own, nodes, authorities] = await Promise.all([
    api.json<StatusView>('status'),
    api.list<NodeAdvertView>('nodes'),
    api.list<AuthorityView>('authorities'),
  ])
  const leaderless = authorities.filter(authority => authority.leader === 0).length
  print({ ...own, nodes, leaderless }, options, () =>
    [
      facts([
        ['network', own.network],
        ['genesis', own.genesisHash],
        ['node', `${own.number} (${own.operator}), version ${own.version}, up ${duration(own.uptimeMs)}`],
        ['peer id', own.peerId],
        ['authorities', `${own.led} led, ${own.hosted} hosted, ${authorities.length} in the network`],
        ['records here', recordsOf(authorities)],
        ['leaderless', leaderless],
        ...rejoining(authorities),
        ['sessions', own.sessions],
        ...resourcesOf(own),
        ['API and map', own.httpUrl],
        ['gateway', own.gatewayUrl],
      ]),
      '',
      table(['NODE', 'OPERATOR', 'STATE', 'SEEN', 'LEADS'], nodes.map(nodeRow)),
    ].join('\n'),
  )
}

/** What it uses of what is there for it. */
function resourcesOf({ resources }: StatusView): [string, string][] {
  if (resources === null) return []
  const { cpu, memory, disk, bandwidth } = resources
  const percent = (thousandths: number): string => `${Math.round(thousandths / 10)} %`
  const mib = (size: number): string => (size < 10_240 ? `${size} MiB` : `${Math.round(size / 1024)} GiB`)
  const mbits = (kbits: number): string => `${(kbits / 1000).toFixed(kbits < 10_000 ? 1 : 0)} Mbit/s`
  return [
    ['processor', `${percent(cpu.used)} of a core, ${percent(cpu.given)} given`],
    ['memory', `${mib(memory.used)} of ${mib(memory.given)}`],
    ['disk', `${mib(disk.used)} of ${mib(disk.given)}`],
    ['bandwidth', `${mbits(bandwidth.used)} of ${mbits(bandwidth.given)}`],
  ]
}

/** Of all replicas of this node: what is committed, and how much of it the members have decided. */
function recordsOf(authorities: readonly AuthorityView[]): string {
  const sum = (of: (authority: AuthorityView) => number): string =>
    authorities.reduce((total, authority) => total + of(authority), 0).toLocaleString('en')
  const hosted = (size: number, { hosted: isHere }: AuthorityView): number => (isHere ? size : 0)
  return `${sum(it => hosted(it.size, it))} committed, ${sum(it => hosted(it.finalSize, it))} of them final`
}

function nodeRow(node: NodeAdvertView): (string | number)[] {
  const seen = node.lastSeenMs === null ? 'never' : `${duration(node.lastSeenMs)} ago`
  return [node.number, node.operator, node.alive ? 'alive' : 'away', seen, node.leads.join(' ') || '-']
}

/** A line for each replica whose disk was lost and that does not vote yet: what it waits for. */
function rejoining(authorities: readonly AuthorityView[]): [string, string][] {
  return authorities.flatMap(({ name, rejoining }): [string, string][] => {
    if (rejoining === null) return []
    const { phase, waitsFor, index, goal } = rejoining
    const who = waitsFor.length > 0 ? `node ${waitsFor.join(', ')} to answer` : 'a leader'
    const what = phase === 'silent' ? `silent, waits for ${who}` : `catching up, at ${index} of ${goal}`
    return [['rejoining', `${name}: ${what}`]]
  })
}
