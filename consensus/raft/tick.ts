import { campaign } from './election.ts'
import { checkQuorum } from './leader.ts'
import type { Raft } from './raft.ts'
import { broadcastHeartbeat } from './replication.ts'
import { NONE } from './types.ts'

/** One step of the group's clock, which is the host's to keep. */
export function tick(raft: Raft): void {
  if (raft.role === 'leader') tickLeader(raft)
  else tickElection(raft)
}

function tickElection(raft: Raft): void {
  raft.electionElapsed++
  if (!raft.promotable || raft.electionElapsed < raft.randomizedElectionTimeout) return
  raft.electionElapsed = 0
  campaign(raft, raft.settings.preVote ? 'pre-election' : 'election')
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed++
  raft.electionElapsed++
  if (raft.electionElapsed >= raft.electionTicks) {
    raft.electionElapsed = 0
    if (raft.settings.checkQuorum) checkQuorum(raft)
    // A transfer that did not succeed in an election timeout never will: take proposals again.
    raft.leadTransferee = NONE
  }
  if (!isLeader(raft) || raft.heartbeatElapsed < raft.settings.heartbeatTicks) return
  raft.heartbeatElapsed = 0
  broadcastHeartbeat(raft)
}

/** A quorum check may have deposed it. */
function isLeader(raft: Raft): boolean {
  return raft.role === 'leader'
}
