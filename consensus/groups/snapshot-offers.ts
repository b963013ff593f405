import type { Message } from '../raft/types.ts'
import type { HostedGroup } from './hosted-group.ts'
import { forgetMembersBefore, membersAsOf } from './membership.ts'
import type { HostParts } from './parts.ts'
import { snapshotOp } from './raft-disk.ts'
import type { CompactResult } from './types.ts'

/** A snapshot that the core might take needs its state first; any other one the core answers by itself. */
export function wantsState(hosted: HostedGroup, message: Message): boolean {
  const index = message.snapshot?.index ?? 0
  return message.term >= hosted.node.term && index > hosted.node.raft.log.committed
}

/** One at a time: a later offer waits until the daemon is done with this one, and the leader asks again. */
export function offer(parts: HostParts, peer: number, hosted: HostedGroup, message: Message): void {
  const { index, term, data } = message.snapshot!
  const known = hosted.offer?.snapshot
  if (known !== undefined && known.index !== index) return
  hosted.offer = message
  if (known !== undefined) return
  parts.effects.offered({ group: hosted.instance.group, from: peer, index, term, meta: data })
}

/** The offer at `index`, if it is the one that stands, which it does no more. */
export function takeOffer(hosted: HostedGroup, index: number): Message | undefined {
  const { offer: standing } = hosted
  if (standing?.snapshot?.index !== index) return undefined
  hosted.offer = undefined
  return standing
}

/**
 * A follower that was sent a snapshot is asked where it is. The offer, the answer or the word of a failure may have
 * been lost with a channel, and nothing else would ever move the leader on.
 */
export function probeSnapshots({ node }: HostedGroup): void {
  if (node.role !== 'leader') return
  for (const { id, state } of node.raft.tracker.members) {
    if (state === 'snapshot') node.reportSnapshot(id, false)
  }
}

export function compactGroup(
  parts: HostParts,
  hosted: HostedGroup,
  index: number,
  meta: Uint8Array,
): CompactResult {
  if (index > hosted.applied) return { ok: false, code: 'not-applied' }
  if (index < hosted.firstStored) return { ok: false, code: 'already-compacted' }
  const { log, instance } = hosted
  log.createSnapshot(index, membersAsOf(hosted, index), meta)
  forgetMembersBefore(hosted, index)
  log.compact(index)
  parts.writes.addOps([snapshotOp(instance, log.snapshot()!)])
  parts.writes.removeCovered(instance, hosted.firstStored, index)
  hosted.firstStored = index + 1
  return { ok: true }
}
