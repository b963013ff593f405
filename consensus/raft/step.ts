import { stepCandidate } from './candidate.ts'
import { handleVoteRequest, isHeldByLease, sendVote } from './election.ts'
import { stepFollower } from './follower.ts'
import { inspect } from './inspect.ts'
import { stepLeader } from './leader.ts'
import { handleProposal } from './proposals.ts'
import type { Raft } from './raft.ts'
import { handleReadIndex } from './reads.ts'
import { handleStorageResponse } from './storage-response.ts'
import { isLocalThread, type Message, MessageType, NONE, OK, type StepResult } from './types.ts'

/** Takes a message from a peer, or one that this core handed out for itself. Never throws on a peer's. */
export function step(raft: Raft, message: Message): StepResult {
  if (message?.isLocal === true && isLocalThread(message.from)) {
    handleStorageResponse(raft, message)
    return OK
  }
  const refusal = inspect(raft, message)
  if (refusal !== undefined) return refusal
  // Proposals and reads belong to no term.
  if (message.type === MessageType.Prop) return handleProposal(raft, message)
  if (message.type === MessageType.ReadIndex) return handleReadIndex(raft, message)
  if (message.term > raft.term) {
    if (isHeldByLease(raft, message)) return OK
    followTerm(raft, message)
  } else if (message.term > 0 && message.term < raft.term) {
    answerOldTerm(raft, message)
    return OK
  }
  if (message.type === MessageType.Vote || message.type === MessageType.PreVote)
    return handleVoteRequest(raft, message)
  if (raft.role === 'leader') return stepLeader(raft, message)
  return raft.role === 'follower' ? stepFollower(raft, message) : stepCandidate(raft, message)
}

/** A newer term (Raft paper 5.1). Pre-votes lie in the future on purpose and change nothing. */
function followTerm(raft: Raft, message: Message): void {
  switch (message.type) {
    case MessageType.PreVote:
      return
    case MessageType.PreVoteResp:
      if (message.reject) raft.becomeFollower(message.term, NONE)
      return
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      raft.becomeFollower(message.term, message.from)
      return
    default:
      raft.becomeFollower(message.term, NONE)
  }
}

/**
 * With checkQuorum or preVote a node whose term ran ahead cannot win it back by an election: it answers an old leader,
 * which steps down and lets the next election find a common term. Without them silence would do.
 */
function answerOldTerm(raft: Raft, message: Message): void {
  const { checkQuorum, preVote } = raft.settings
  const isFromLeader = message.type === MessageType.Heartbeat || message.type === MessageType.App
  if ((checkQuorum || preVote) && isFromLeader) {
    raft.send(raft.newAppendResponse(message.from, 0))
  } else if (message.type === MessageType.PreVote) {
    sendVote(raft, message.from, MessageType.PreVoteResp, raft.term, true)
  }
}
