import { contain, type HostParts } from './parts.ts'
import { loseReadsOf } from './reads.ts'
import { askWhereTheyAre } from './rejoin.ts'

/** Both channels to this peer are there. */
export function connected(parts: HostParts, peer: number): void {
  parts.peersUp.add(peer)
  parts.clocks.liveness.peerUp(peer)
  for (const hosted of parts.rejoining) askWhereTheyAre(parts, hosted)
}

/** What was under way to it may be lost. */
export function disconnected(parts: HostParts, peer: number): void {
  if (!parts.peersUp.delete(peer)) return
  parts.outbox.drop(peer)
  parts.clocks.peerDown(peer)
  loseReadsOf(parts, peer)
  for (const hosted of parts.groups.values()) {
    if (hosted.node.role !== 'leader') continue
    contain(parts, hosted, ({ node }) => {
      node.reportUnreachable(peer)
      node.reportSnapshot(peer, false)
      parts.dirty.add(hosted)
    })
  }
}
