import type { ConfState } from '../raft/types.ts'
import type { HostedGroup } from './hosted-group.ts'
import type { Liveness } from './liveness/liveness.ts'

/** A majority of the voters, in both halves of a joint configuration. */
export function hasQuorum(
  config: Pick<ConfState, 'voters' | 'votersOutgoing'>,
  counts: (voter: number) => boolean,
): boolean {
  return hasMajority(config.voters, counts) && hasMajority(config.votersOutgoing, counts)
}

function hasMajority(voters: readonly number[], counts: (voter: number) => boolean): boolean {
  let count = 0
  for (const voter of voters) if (counts(voter)) count++
  return voters.length === 0 || count > voters.length >> 1
}

/** It supports us. Who doesn't is dead or cut off, and keeps no group awake: it is seen to when it comes back. */
export function isThere(liveness: Liveness, self: number, member: number, nowMs: number): boolean {
  return member === self || nowMs < liveness.supportedUntilMs(member)
}

/** This node has promised not to vote here, nor to stand for election, and the promise stands. */
export function isBound(hosted: HostedGroup, liveness: Liveness, nowMs: number): boolean {
  if (nowMs < liveness.mutedUntilMs || nowMs < hosted.boundUntilMs) return true
  return hosted.boundTo !== 0 && nowMs < liveness.promisedUntilMs(hosted.boundTo)
}

/** Gives up the leader that our support covers here. What was promised until now stands; later promises are without it. */
export function unbind(hosted: HostedGroup, liveness: Liveness): void {
  if (hosted.boundTo === 0) return
  hosted.boundUntilMs = Math.max(hosted.boundUntilMs, liveness.promisedUntilMs(hosted.boundTo))
  hosted.boundTo = 0
}

/**
 * Whether nobody can have been elected in a later term, as of now: this node leads, has committed in its term, and a
 * quorum has promised not to vote against it, for longer than now.
 */
export function holdsLease(hosted: HostedGroup, liveness: Liveness, self: number, nowMs: number): boolean {
  const { node, covering, transferTerm } = hosted
  if (node.role !== 'leader' || !node.raft.committedInTerm || transferTerm === node.term) return false
  return hasQuorum(
    node.raft.tracker.config,
    voter => voter === self || (covering.has(voter) && nowMs < liveness.supportedUntilMs(voter)),
  )
}
