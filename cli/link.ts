import type { Command } from 'commander'
import type { PeerView, StatusView } from '../daemon/http/view.ts'
import { formatLink, isLinkable } from '../daemon/joining/link.ts'
import { isLoopback, isPublic, isRelayed, withoutPeer } from '../daemon/network/addresses.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { print } from './output.ts'

/** Enough for some of them to be away, few enough for a message. */
const wantedNodes = 4

export function linkCommand(): Command {
  return readCommand('link', 'what somebody needs to join: freehold start --join LINK').action(link)
}

async function link(options: ReadCommandOptions): Promise<void> {
  const api = nodeApi(options)
  const [status, peers] = await Promise.all([api.json<StatusView>('status'), api.list<PeerView>('peers')])
  const { network, genesisHash } = status
  const text = formatLink({ network, genesisHash, nodes: reachable(status, peers) })
  print({ link: text }, options, () => text)
}

/** Those on the internet first; on a network of its own, those there. */
function reachable(status: StatusView, peers: readonly PeerView[]): string[] {
  const dialled = peers
    .filter(peer => peer.direction === 'outbound' && !peer.relayed && !isRelayed(peer.address))
    .map(peer => withoutPeer(peer.address))
  const known = [...status.reach.confirmed, ...status.listen, ...dialled].filter(isLinkable)
  const outside = known.filter(isPublic)
  const inside = known.filter(address => !isLoopback(address))
  const best = [outside, inside, known].find(list => list.length > 0) ?? []
  return [...new Set(best)].slice(0, wantedNodes)
}
