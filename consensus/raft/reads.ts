import { MAX_WAITING_READS } from './config.ts'
import type { Raft } from './raft.ts'
import { readNumberOf } from './read-only.ts'
import { broadcastHeartbeat } from './replication.ts'
import {
  EMPTY_BYTES,
  type Message,
  MessageType,
  NONE,
  newMessage,
  OK,
  refuse,
  type StepResult,
} from './types.ts'

/** A read asked of this node, by its host or by a follower that forwarded it. */
export function handleReadIndex(raft: Raft, message: Message): StepResult {
  if (raft.role === 'leader') return readAsLeader(raft, message)
  if (raft.role !== 'follower' || raft.lead === NONE) return refuse('no-leader')
  const forwarded = newMessage(MessageType.ReadIndex, raft.lead)
  forwarded.from = message.from
  forwarded.entries = message.entries
  raft.send(forwarded)
  return OK
}

function readAsLeader(raft: Raft, message: Message): StepResult {
  if (raft.tracker.isSingleton) {
    answer(raft, message, raft.log.committed)
    return OK
  }
  if (raft.committedInTerm) return startRead(raft, message)
  if (raft.earlyReads.length >= MAX_WAITING_READS) return refuse('busy')
  raft.earlyReads.push(message)
  return OK
}

/** The leader has committed in its term: reads that came before can go on. */
export function releaseEarlyReads(raft: Raft): void {
  if (raft.earlyReads.length === 0 || !raft.committedInTerm) return
  const reads = raft.earlyReads
  raft.earlyReads = []
  for (const read of reads) startRead(raft, read)
}

function startRead(raft: Raft, message: Message): StepResult {
  if (raft.settings.readOnly === 'lease') {
    answer(raft, message, raft.log.committed)
    return OK
  }
  if (raft.readOnly.waitingCount >= MAX_WAITING_READS) return refuse('busy')
  raft.readOnly.add(message, raft.log.committed)
  raft.readOnly.acknowledge(raft.id, raft.readOnly.newest)
  broadcastHeartbeat(raft)
  return OK
}

/** A heartbeat's answer confirms reads. */
export function confirmReads(raft: Raft, message: Message): void {
  if (raft.settings.readOnly !== 'safe' || message.context === undefined || message.context.length === 0)
    return
  raft.readOnly.acknowledge(message.from, readNumberOf(message.context))
  for (const read of raft.readOnly.takeConfirmed(raft.tracker.config)) answer(raft, read.request, read.index)
}

/** The leader's answer to a read that this node forwarded. */
export function handleReadIndexResponse(raft: Raft, message: Message): StepResult {
  raft.readStates.push({ index: message.index, context: message.entries[0]?.data ?? EMPTY_BYTES })
  return OK
}

function answer(raft: Raft, request: Message, index: number): void {
  if (request.from === NONE || request.from === raft.id) {
    raft.readStates.push({ index, context: request.entries[0]?.data ?? EMPTY_BYTES })
    return
  }
  const response = newMessage(MessageType.ReadIndexResp, request.from)
  response.index = index
  response.entries = request.entries
  raft.send(response)
}
