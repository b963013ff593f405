import type { NetworkState } from './poller.ts'

export interface NetworkEvent {
  readonly key: number
  readonly at: Date
  readonly tone: 'good' | 'bad' | 'plain'
  readonly text: string
}

type Change = Omit<NetworkEvent, 'key' | 'at'>

function nodeChanges(before: NetworkState, after: NetworkState): Change[] {
  const was = new Map(before.nodes.map(node => [node.number, node.alive]))
  return after.nodes.flatMap((node): Change[] => {
    const wasAlive = was.get(node.number)
    if (wasAlive === undefined || wasAlive === node.alive) return []
    return node.alive
      ? [{ tone: 'good', text: `Node ${node.number} is back` }]
      : [{ tone: 'bad', text: `Node ${node.number} stopped answering` }]
  })
}

function leaderChanges(before: NetworkState, after: NetworkState): Change[] {
  const was = new Map(before.authorities.map(authority => [authority.origin, authority]))
  return after.authorities.flatMap((authority): Change[] => {
    const old = was.get(authority.origin)
    if (old === undefined || old.leader === authority.leader) return []
    if (authority.leader === 0) return [{ tone: 'bad', text: `${authority.name} has no leader` }]
    return [
      { tone: 'plain', text: `Node ${authority.leader} leads ${authority.name}, term ${authority.term}` },
    ]
  })
}

/** What a person should hear about between two answers of the API. */
export function changesBetween(before: NetworkState, after: NetworkState): Change[] {
  if (before.answeredAtMs === undefined) return []
  const moved: Change[] =
    before.source === after.source ? [] : [{ tone: 'plain', text: `Reading from ${after.source} now` }]
  return [...moved, ...nodeChanges(before, after), ...leaderChanges(before, after)]
}
