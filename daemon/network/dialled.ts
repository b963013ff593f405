import type { Libp2p } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../ports.ts'
import { isLoopback, isPublic, isRelayed, withoutPeer } from './addresses.ts'
import { dialTimeoutMs } from './host.ts'
import type { Link } from './links.ts'

/** A direct address that leads nowhere costs this much before a relayed one is tried. */
const directFirstMs = 2000

/** A connection to the peer at one of these addresses, by a relay only where none of the others leads to it. */
export async function dialPeer(
  host: Libp2p,
  self: PeerId,
  peer: PeerId,
  addresses: readonly string[],
): Promise<void> {
  const dial = async (to: readonly string[], timeoutMs: number) => {
    const targets = to.map(address => multiaddr(`${address}/p2p/${peer}`))
    await host.dial(targets, { signal: AbortSignal.timeout(timeoutMs) })
  }
  const relayed = addresses.filter(each => isRelayed(each) && !each.includes(`/${self}/p2p-circuit`))
  const direct = addresses.filter(address => !isRelayed(address))
  if (relayed.length === 0) return await dial(direct, dialTimeoutMs)
  try {
    if (direct.length > 0) return await dial(direct, directFirstMs)
  } catch {
    // A relay may know it.
  }
  await dial(relayed, dialTimeoutMs)
}

/** Of a peer's addresses those at which this node may reach it another time. */
export function worthKnowing(link: Link): string[] {
  const remote = withoutPeer(link.connection.remoteAddr.toString())
  const cameFromOutside = link.relayed || isPublic(remote)
  // Its loopback is not ours, unless that is how it came; nor is its home, when it came from outside.
  const usable = (link.greeted?.addresses ?? []).filter(address => {
    if (isLoopback(address)) return isLoopback(remote)
    return isPublic(address) || isRelayed(address) || !cameFromOutside
  })
  return [...(link.dialler ? [remote] : []), ...usable]
}
