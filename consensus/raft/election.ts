import { appendOwn } from './proposals.ts'
import type { Raft } from './raft.ts'
import { broadcastAppend } from './replication.ts'
import {
  EMPTY_BYTES,
  EntryType,
  type Message,
  MessageType,
  NONE,
  newMessage,
  OK,
  type StepResult,
} from './types.ts'

export type Campaign = 'pre-election' | 'election' | 'transfer'

/** Marks the vote requests of a leadership transfer, which the lease of the old leader does not hold back. */
const TRANSFER_CONTEXT = new TextEncoder().encode('transfer')

/** Stands for election, unless it leads, may not lead, or has a committed change of members yet to apply. */
export function campaign(raft: Raft, kind: Campaign): void {
  if (raft.role === 'leader' || !raft.promotable || raft.log.hasUnappliedConfChange()) return
  requestVotes(raft, kind)
}

function requestVotes(raft: Raft, kind: Campaign): void {
  const isPreVote = kind === 'pre-election'
  if (isPreVote) becomePreCandidate(raft)
  else becomeCandidate(raft)
  const term = isPreVote ? raft.term + 1 : raft.term
  const requestType = isPreVote ? MessageType.PreVote : MessageType.Vote
  const lastIndex = raft.log.lastIndex()
  const lastTerm = raft.log.lastTerm()
  for (const id of raft.tracker.voters()) {
    if (id === raft.id) {
      // Its own vote counts, like any, only when it is on disk: it comes back as a message.
      sendVote(raft, id, responseType(requestType), term, false)
      continue
    }
    const request = newMessage(requestType, id)
    request.term = term
    request.index = lastIndex
    request.logTerm = lastTerm
    if (kind === 'transfer') request.context = TRANSFER_CONTEXT
    raft.send(request)
  }
}

function becomeCandidate(raft: Raft): void {
  raft.reset(raft.term + 1)
  raft.vote = raft.id
  raft.role = 'candidate'
}

/** Asks whether an election could be won, without raising the term (Raft thesis 9.6). */
function becomePreCandidate(raft: Raft): void {
  raft.tracker.resetVotes()
  raft.lead = NONE
  raft.role = 'pre-candidate'
}

function becomeLeader(raft: Raft): void {
  raft.reset(raft.term)
  raft.lead = raft.id
  raft.role = 'leader'
  const own = raft.tracker.get(raft.id)
  if (own !== undefined) {
    own.becomeReplicate()
    own.recentActive = true
  }
  // There may be a change in the tail of the log; finding out could mean to read all of it.
  raft.pendingConfIndex = raft.log.lastIndex()
  // Inherited entries count against the quota too, else every change of leader would lift it.
  raft.uncommittedSize = raft.log.unappliedPayloadSize()
  appendOwn(raft, [{ term: 0, index: 0, type: EntryType.Normal, data: EMPTY_BYTES }])
}

/** A vote or a pre-vote for this candidate. */
export function handleVoteResponse(raft: Raft, message: Message): StepResult {
  const result = raft.tracker.recordVote(message.from, !message.reject)
  if (result === 'lost') {
    raft.becomeFollower(raft.term, NONE)
  } else if (result === 'won') {
    if (raft.role === 'pre-candidate') {
      requestVotes(raft, 'election')
    } else {
      becomeLeader(raft)
      broadcastAppend(raft)
    }
  }
  return OK
}

/**
 * Votes once a term, for a candidate whose log has all that may be committed (Raft paper 5.4.1). Learners vote too:
 * they may have been promoted without having heard of it.
 */
export function handleVoteRequest(raft: Raft, message: Message): StepResult {
  const isPreVote = message.type === MessageType.PreVote
  const canVote =
    raft.vote === message.from ||
    (raft.vote === NONE && raft.lead === NONE) ||
    (isPreVote && message.term > raft.term)
  if (!canVote || !raft.log.isUpToDate(message.index, message.logTerm)) {
    sendVote(raft, message.from, responseType(message.type), raft.term, true)
    return OK
  }
  // The request's term: that of a pre-vote lies in the future, and its sender would ignore ours.
  sendVote(raft, message.from, responseType(message.type), message.term, false)
  if (!isPreVote) {
    raft.electionElapsed = 0
    raft.vote = message.from
  }
  return OK
}

/** While the leader's lease lasts nobody else is voted for, unless the leader itself asked for it (Raft thesis 4.2.3). */
export function isHeldByLease(raft: Raft, message: Message): boolean {
  if (message.type !== MessageType.Vote && message.type !== MessageType.PreVote) return false
  const inLease = raft.settings.checkQuorum && raft.lead !== NONE && raft.electionElapsed < raft.electionTicks
  return inLease && !isTransfer(message.context)
}

export function sendVote(
  raft: Raft,
  to: number,
  type: typeof MessageType.VoteResp | typeof MessageType.PreVoteResp,
  term: number,
  reject: boolean,
): void {
  const response = newMessage(type, to)
  response.term = term
  response.reject = reject
  raft.send(response)
}

function responseType(request: MessageType): typeof MessageType.VoteResp | typeof MessageType.PreVoteResp {
  return request === MessageType.PreVote ? MessageType.PreVoteResp : MessageType.VoteResp
}

export function isTransfer(context: Uint8Array | undefined): boolean {
  if (context === undefined || context.length !== TRANSFER_CONTEXT.length) return false
  return TRANSFER_CONTEXT.every((byte, i) => byte === context[i])
}
