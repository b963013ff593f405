import type { Command } from 'commander'
import type { PeerView } from '../daemon/http/view.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { duration, print, table } from './output.ts'

export function peersCommand(): Command {
  return readCommand('peers', 'nodes that a node is connected to').action(peers)
}

async function peers(options: ReadCommandOptions): Promise<void> {
  const answer = await nodeApi(options).json<{ peers: PeerView[] }>('peers')
  print(answer, options, () => {
    if (answer.peers.length === 0) return 'Connected to nobody.'
    return table(['NODE', 'ROUND TRIP', 'FOR', 'ADDRESS', 'PEER ID'], answer.peers.map(peerRow))
  })
}

function peerRow(peer: PeerView): (string | number)[] {
  const roundTrip = peer.roundTripMs === null ? '-' : duration(peer.roundTripMs)
  const arrow = peer.direction === 'inbound' ? '←' : '→'
  return [peer.number || '-', roundTrip, duration(peer.connectedMs), `${arrow} ${peer.address}`, peer.peerId]
}
