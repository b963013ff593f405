import { handleVoteResponse } from './election.ts'
import { handleFromLeader } from './follower.ts'
import type { Raft } from './raft.ts'
import { type Message, MessageType, OK, type StepResult } from './types.ts'

/** Candidates and pre-candidates: they differ in which votes they count, since stale pre-votes may still arrive. */
export function stepCandidate(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      raft.becomeFollower(message.term, message.from)
      return handleFromLeader(raft, message)
    case MessageType.PreVoteResp:
      return raft.role === 'pre-candidate' ? handleVoteResponse(raft, message) : OK
    case MessageType.VoteResp:
      return raft.role === 'candidate' ? handleVoteResponse(raft, message) : OK
    default:
      return OK
  }
}
