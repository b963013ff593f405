import { bytesEqual } from '../../codec/bytes.ts'
import type { DirectoryTick, Renewal } from '../codec/tick.ts'
import { BLOCK_MS, LEASE_MS, LEASE_OVER_MS, MAX_STEP_MS } from '../limits.ts'
import { fade } from '../reputation.ts'
import type { DirectoryState } from '../state.ts'
import { makeBlock } from './block.ts'
import { dropExpired } from './command.ts'
import { hasLease, retireLeft } from './nodes.ts'
import { placeAll } from './placing.ts'
import { owingNodes } from './reforming.ts'

/** Time passes, and the leader says whom it heard. Everything else that a tick does follows from that and the state. */
export function advance(state: DirectoryState, { tick, timeMs, renewals }: DirectoryTick): void {
  const { header } = state
  const isAfterOutage = timeMs - header.timeMs > LEASE_MS && header.tick > 0
  header.passedMs += Math.max(0, Math.min(timeMs - header.timeMs, MAX_STEP_MS))
  header.tick = tick
  header.timeMs = timeMs
  if (isAfterOutage) state.resume()
  const owing = owingNodes(state)
  for (const renewal of renewals) if (!owing.has(renewal.node)) renew(state, renewal)
  dropExpired(state)
  retireLeft(state)
  placeAll(state)
  if (header.passedMs >= header.blockMs + BLOCK_MS) makeBlock(state)
  state.touchHeader()
}

/**
 * The lease is counted from this record, which is later than when the node asked: it counts itself from then. Whoever is not to hold
 * anything is not renewed.
 */
function renew(state: DirectoryState, { node: number, nonce }: Renewal): void {
  const { passedMs } = state.header
  const status = state.nodes.get(number)?.status
  if (status !== 'active' && status !== 'leaving') return
  const presence = state.presence(number)
  // The leader heard nothing new: the node's own lease would not go on.
  if (presence.isHeard && bytesEqual(presence.nonce, nonce)) return
  if (!hasLease(presence, passedMs)) presence.sinceMs = passedMs
  const gapMs = presence.isHeard ? passedMs - presence.renewedMs : 0
  presence.knownMs += gapMs
  presence.leasedMs += Math.min(gapMs, LEASE_OVER_MS)
  presence.isHeard = true
  presence.renewedMs = passedMs
  presence.nonce = nonce
  fade(presence)
  state.setPresence(number, presence)
}
