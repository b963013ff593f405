import { restoreConfig } from './confchange/restore.ts'
import { MAX_CONTEXT_BYTES, MAX_TERM_JUMP } from './config.ts'
import { isResponseType, isWireType } from './message-types.ts'
import type { Raft } from './raft.ts'
import { readNumberOf } from './read-only.ts'
import {
  type Entry,
  EntryType,
  MAX_NODE_ID,
  type Message,
  MessageType,
  type Refusal,
  refuse,
  type Snapshot,
} from './types.ts'

/**
 * Looks at a message from a peer before anything is changed by it. What an honest member may send, however late,
 * passes; what would break an invariant of the log is refused.
 */
export function inspect(raft: Raft, message: Message): Refusal | undefined {
  if (typeof message !== 'object' || message === null) return refuse('malformed')
  if (!isWireType(message.type)) return refuse('local-message')
  if (!hasSaneFields(message) || message.to !== raft.id) return refuse('malformed')
  if (isResponseType(message.type)) {
    if (raft.tracker.get(message.from) === undefined) return refuse('not-member')
    // Only this core itself says that its own disk holds a vote or an entry.
    if (message.from === raft.id && message.isLocal !== true) return refuse('local-message')
  }
  if (!hasSaneTerm(message)) return refuse('malformed')
  if (message.term > raft.term + MAX_TERM_JUMP) return refuse('term-jump')
  return inspectBody(message) ?? inspectAgainstLog(raft, message)
}

function hasSaneFields(message: Message): boolean {
  return (
    isNumber(message.from) &&
    message.from >= 1 &&
    message.from <= MAX_NODE_ID &&
    isNumber(message.term) &&
    isNumber(message.logTerm) &&
    isNumber(message.index) &&
    isNumber(message.commit) &&
    isNumber(message.rejectHint) &&
    typeof message.reject === 'boolean' &&
    Array.isArray(message.entries) &&
    (message.context === undefined ||
      (message.context instanceof Uint8Array && message.context.length <= MAX_CONTEXT_BYTES))
  )
}

/** Proposals and reads have no term. Only a node that never took part in an election answers one with term 0. */
function hasSaneTerm(message: Message): boolean {
  switch (message.type) {
    case MessageType.Prop:
    case MessageType.ReadIndex:
      return message.term === 0
    case MessageType.VoteResp:
    case MessageType.PreVoteResp:
      return message.term > 0 || message.reject
    default:
      return message.term > 0
  }
}

function inspectBody(message: Message): Refusal | undefined {
  switch (message.type) {
    case MessageType.App:
      return isLogSlice(message) ? undefined : refuse('bad-entries')
    case MessageType.Prop:
      return message.entries.every(isPayload) ? undefined : refuse('bad-entries')
    case MessageType.ReadIndex:
    case MessageType.ReadIndexResp:
      return isRead(message) ? undefined : refuse('bad-context')
    case MessageType.Vote:
    case MessageType.PreVote:
      return message.logTerm <= message.term ? undefined : refuse('malformed')
    case MessageType.Snap:
      return isSnapshot(message.snapshot, message.term) ? undefined : refuse('bad-snapshot')
    default:
      return undefined
  }
}

/** What can only be told of this term; older messages are ignored anyway. */
function inspectAgainstLog(raft: Raft, message: Message): Refusal | undefined {
  if (message.term < raft.term) return undefined
  if (message.type === MessageType.Heartbeat) {
    return message.commit > raft.log.lastIndex() ? refuse('commit-past-log') : undefined
  }
  if (raft.role !== 'leader' || message.term !== raft.term) return undefined
  if (message.type === MessageType.AppResp) {
    const tooFar = !message.reject && message.index > raft.log.lastIndex()
    return tooFar ? refuse('ack-past-log') : undefined
  }
  if (message.type !== MessageType.HeartbeatResp || message.context === undefined) return undefined
  if (message.context.length === 0 || raft.settings.readOnly !== 'safe') return undefined
  const number = readNumberOf(message.context)
  return number < 0 || number > raft.readOnly.newest ? refuse('bad-context') : undefined
}

/** Entries in a row after (index, logTerm), with terms that never fall and do not exceed the leader's. */
function isLogSlice(message: Message): boolean {
  let term = message.logTerm
  let index = message.index
  for (const entry of message.entries) {
    index++
    if (!isPayload(entry) || entry.index !== index || !(entry.term >= term)) return false
    term = entry.term
  }
  return Number.isSafeInteger(index) && Number.isSafeInteger(term) && term <= message.term
}

function isPayload(entry: Entry): boolean {
  if (typeof entry !== 'object' || entry === null || !(entry.data instanceof Uint8Array)) return false
  const { type } = entry
  return type === EntryType.Normal || type === EntryType.ConfChange || type === EntryType.ConfChangeV2
}

function isRead(message: Message): boolean {
  const [entry] = message.entries
  if (entry === undefined || message.entries.length !== 1 || !isPayload(entry)) return false
  return entry.data.length <= MAX_CONTEXT_BYTES
}

function isSnapshot(snapshot: Snapshot | undefined, term: number): boolean {
  if (typeof snapshot !== 'object' || snapshot === null) return false
  const { index, confState, data } = snapshot
  if (!isNumber(index) || index === 0 || !isNumber(snapshot.term) || snapshot.term > term) return false
  return data instanceof Uint8Array && restoreConfig(confState, index, 1, 1) !== undefined
}

function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
