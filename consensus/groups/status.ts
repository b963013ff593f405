import type { HostedGroup } from './hosted-group.ts'
import { belongs } from './membership.ts'
import type { GroupStatus, RejoinStatus } from './types.ts'

/** A snapshot of numbers; nothing in it changes later. */
export function statusOf(hosted: HostedGroup, rejoining: RejoinStatus | undefined): GroupStatus {
  const { instance, node, applied, uncommittedBytes, asleep } = hosted
  const { role, term, lead, commit, firstIndex, lastIndex, config, members } = node.status()
  return {
    ...instance,
    self: node.raft.id,
    role,
    term,
    leader: lead,
    commit,
    applied,
    firstIndex,
    lastIndex,
    uncommittedBytes,
    asleep,
    members: config,
    isMember: belongs(hosted),
    rejoining,
    peers: members.map(member => ({
      peer: member.id,
      match: member.match,
      state: member.state,
      active: member.recentActive,
      learner: member.isLearner,
      inflightMessages: member.inflights.count,
      inflightBytes: member.inflights.bytes,
    })),
  }
}
