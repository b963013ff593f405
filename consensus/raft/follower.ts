import { restoreConfig } from './confchange/restore.ts'
import { campaign } from './election.ts'
import { RaftFault } from './fault.ts'
import { switchToConfig } from './membership.ts'
import type { Raft } from './raft.ts'
import { handleReadIndexResponse } from './reads.ts'
import { names } from './tracker/config.ts'
import {
  type Message,
  MessageType,
  NONE,
  newMessage,
  OK,
  refuse,
  type Snapshot,
  type StepResult,
} from './types.ts'

export function stepFollower(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      raft.electionElapsed = 0
      raft.lead = message.from
      return handleFromLeader(raft, message)
    case MessageType.TransferLeader:
      return forwardTransfer(raft, message.from)
    case MessageType.TimeoutNow:
      // The leader is alive and asked for it: no pre-vote.
      campaign(raft, 'transfer')
      return OK
    case MessageType.ReadIndexResp:
      return handleReadIndexResponse(raft, message)
    default:
      return OK
  }
}

/** `from` stays the target, as in the leader's own request. */
export function forwardTransfer(raft: Raft, target: number): StepResult {
  if (raft.lead === NONE) return refuse('no-leader')
  const forwarded = newMessage(MessageType.TransferLeader, raft.lead)
  forwarded.from = target
  raft.send(forwarded)
  return OK
}

export function handleFromLeader(raft: Raft, message: Message): StepResult {
  if (message.type === MessageType.App) handleAppend(raft, message)
  else if (message.type === MessageType.Heartbeat) handleHeartbeat(raft, message)
  else handleSnapshot(raft, message)
  return OK
}

function handleAppend(raft: Raft, message: Message): void {
  const { log } = raft
  if (message.index < log.committed) {
    raft.send(raft.newAppendResponse(message.from, log.committed))
    return
  }
  const last = log.maybeAppend(message.index, message.logTerm, message.entries, message.commit)
  if (last >= 0) {
    raft.send(raft.newAppendResponse(message.from, last))
    return
  }
  // The hint skips all of our tail whose terms the leader's log cannot have at that place.
  const hint = log.findConflictByTerm(Math.min(message.index, log.lastIndex()), message.logTerm)
  const rejection = raft.newAppendResponse(message.from, message.index)
  rejection.reject = true
  rejection.rejectHint = hint.index
  rejection.logTerm = hint.term
  raft.send(rejection)
}

function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit)
  const response = newMessage(MessageType.HeartbeatResp, message.from)
  response.context = message.context
  raft.send(response)
}

function handleSnapshot(raft: Raft, message: Message): void {
  const restored = message.snapshot !== undefined && restore(raft, message.snapshot)
  const index = restored ? raft.log.lastIndex() : raft.log.committed
  raft.send(raft.newAppendResponse(message.from, index))
}

/** False when the snapshot brings nothing: it is old, not for this node, or the log already reaches that far. */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { log } = raft
  if (snapshot.index <= log.committed) return false
  if (!raft.settings.snapshotsPrecedeMembers && !names(snapshot.confState, raft.id)) return false
  if (log.matchTerm(snapshot.index, snapshot.term)) {
    log.commitTo(snapshot.index)
    return false
  }
  const { maxInflightMessages, maxInflightBytes } = raft.settings
  const config = restoreConfig(snapshot.confState, snapshot.index, maxInflightMessages, maxInflightBytes)
  if (config === undefined) throw new RaftFault('uninspected-snapshot', { index: snapshot.index })
  log.restore(snapshot)
  raft.tracker.resetVotes()
  switchToConfig(raft, config.config, config.members)
  return true
}
