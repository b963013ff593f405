import type { Raft } from './raft.ts'
import { confirmReads, releaseEarlyReads } from './reads.ts'
import { broadcastAppend, maybeCommit, sendAppend } from './replication.ts'
import type { Progress } from './tracker/progress.ts'
import { type Message, MessageType, NONE, newMessage, OK, type StepResult } from './types.ts'

export function stepLeader(raft: Raft, message: Message): StepResult {
  const member = raft.tracker.get(message.from)
  if (member === undefined) return OK
  switch (message.type) {
    case MessageType.AppResp:
      member.recentActive = true
      if (message.reject) handleRejection(raft, member, message)
      else handleAck(raft, member, message.index)
      return OK
    case MessageType.HeartbeatResp:
      handleHeartbeatResponse(raft, member, message)
      return OK
    case MessageType.TransferLeader:
      handleTransfer(raft, member)
      return OK
    default:
      return OK
  }
}

function handleAck(raft: Raft, member: Progress, index: number): void {
  const advanced = member.maybeUpdate(index)
  // An old ack of a probing follower shows that the logs agree up to where we probe.
  if (!advanced && !(member.match === index && member.state === 'probe')) return
  if (member.state === 'probe') {
    member.becomeReplicate()
  } else if (member.state === 'snapshot') {
    // Whichever snapshot it has taken: as long as our log continues it, go on from there.
    if (member.match + 1 >= raft.log.firstIndex()) {
      member.becomeProbe()
      member.becomeReplicate()
    }
  } else {
    member.inflights.freeTo(index)
  }
  const isSelf = member.id === raft.id
  if (maybeCommit(raft)) {
    releaseEarlyReads(raft)
    broadcastAppend(raft)
  } else if (!isSelf && member.canBumpCommit(raft.log.committed)) {
    sendAppend(raft, member, true)
  }
  if (!isSelf) {
    // The ack may have made room for several messages.
    while (sendAppend(raft, member, false)) {}
  }
  if (member.id === raft.leadTransferee && member.match === raft.log.lastIndex())
    sendTimeoutNow(raft, member.id)
}

/** Probes again below: at most once per term in which the two logs differ (Raft paper 5.3, the end). */
function handleRejection(raft: Raft, member: Progress, message: Message): void {
  let hint = message.rejectHint
  if (message.logTerm > 0) hint = raft.log.findConflictByTerm(hint, message.logTerm).index
  if (!member.maybeDecrease(message.index, hint)) return
  if (member.state === 'replicate') member.becomeProbe()
  sendAppend(raft, member, true)
}

function handleHeartbeatResponse(raft: Raft, member: Progress, message: Message): void {
  member.recentActive = true
  member.appendsPaused = false
  // Also when the inflights are full, or when it only needs to be seen to have caught up: this append may be empty.
  if (member.match < raft.log.lastIndex() || member.state === 'probe') sendAppend(raft, member, true)
  confirmReads(raft, message)
}

/** The host gave up on a snapshot, or delivered it: probe after it (or where we were) at the next heartbeat. */
export function handleSnapshotReport(raft: Raft, id: number, delivered: boolean): void {
  const member = raft.role === 'leader' ? raft.tracker.get(id) : undefined
  if (member === undefined || member.state !== 'snapshot') return
  if (!delivered) member.pendingSnapshot = 0
  member.becomeProbe()
  member.appendsPaused = true
}

/** Appends in flight are probably lost. */
export function handleUnreachable(raft: Raft, id: number): void {
  const member = raft.role === 'leader' ? raft.tracker.get(id) : undefined
  if (member !== undefined && member.state === 'replicate') member.becomeProbe()
}

/** Raft thesis 3.10: bring the target up to date, then tell it to stand for election at once. */
function handleTransfer(raft: Raft, member: Progress): void {
  if (member.isLearner || raft.leadTransferee === member.id) return
  raft.leadTransferee = NONE
  if (member.id === raft.id) return
  // The transfer has one election timeout to succeed.
  raft.electionElapsed = 0
  raft.leadTransferee = member.id
  if (member.match === raft.log.lastIndex()) sendTimeoutNow(raft, member.id)
  else sendAppend(raft, member, true)
}

function sendTimeoutNow(raft: Raft, to: number): void {
  raft.send(newMessage(MessageType.TimeoutNow, to))
}

/** Steps down when no quorum was heard of during an election timeout (Raft thesis 6.2). */
export function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) raft.becomeFollower(raft.term, NONE)
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) member.recentActive = false
  }
}
