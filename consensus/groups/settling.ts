import { NONE } from '../raft/types.ts'
import { hasQuorum, isThere } from './cover.ts'
import type { GroupMessages } from './frame.ts'
import type { HostedGroup } from './hosted-group.ts'
import type { Liveness } from './liveness/liveness.ts'

/** As a leader: everybody who is there has everything, and is covered by its node's support for ours. */
export function isSettled(hosted: HostedGroup, liveness: Liveness, nowMs: number): boolean {
  const { node, covering, proposals, lastStep, applied } = hosted
  const { log, tracker, leadTransferee, id: self } = node.raft
  const last = log.lastIndex()
  if (log.committed !== last || applied !== last || lastStep !== undefined) return false
  if (tracker.config.votersOutgoing.length > 0) return false
  if (node.role !== 'leader' || leadTransferee !== NONE || proposals.payloads.length > 0) return false
  for (const { id, state, match } of tracker.members) {
    if (id === self || !isThere(liveness, self, id, nowMs)) continue
    if (state !== 'replicate' || match !== last || !covering.has(id)) return false
  }
  return hasQuorum(tracker.config, voter => isThere(liveness, self, voter, nowMs))
}

/** As a follower that is told so by `peer`. */
export function maySleep(
  { node, boundTo }: HostedGroup,
  liveness: Liveness,
  peer: number,
  { sleepTerm, sleepIndex }: GroupMessages,
): boolean {
  const { log } = node.raft
  if (node.role !== 'follower' || node.lead !== peer || node.term !== sleepTerm) return false
  if (log.committed !== sleepIndex || log.lastIndex() !== sleepIndex) return false
  // Else nobody here would notice the leader's end.
  return boundTo === peer && liveness.supports(peer)
}
