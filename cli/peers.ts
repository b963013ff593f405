import type { Command } from 'commander'
import type { PeerView } from '../daemon/http/view.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { duration, print, table } from './output.ts'

export function peersCommand(): Command {
  return readCommand('peers', 'nodes that a node is connected to').action(show)
}

async function show(options: ReadCommandOptions): Promise<void> {
  const peers = await nodeApi(options).list<PeerView>('peers')
  print({ peers }, options, () => {
    if (peers.length === 0) return 'Connected to nobody.'
    return table(['NODE', 'ROUND TRIP', 'FOR', 'ADDRESS', 'PEER ID'], peers.map(peerRow))
  })
}

function peerRow(peer: PeerView): (string | number)[] {
  const roundTrip = peer.roundTripMs === null ? '-' : duration(peer.roundTripMs)
  const arrow = peer.direction === 'inbound' ? '←' : '→'
  return [
    peer.number || '-',
    roundTrip,
    duration(peer.connectedMs),
    `${arrow} ${peer.relayed ? 'relayed, ' : ''}${peer.address}`,
    peer.peerId,
  ]
}
