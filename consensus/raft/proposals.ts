import { decodeConfChange } from './confchange/codec.ts'
import { payloadSize } from './log/sizes.ts'
import type { Raft } from './raft.ts'
import { broadcastAppend } from './replication.ts'
import {
  EMPTY_BYTES,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  NONE,
  newMessage,
  OK,
  refuse,
  type StepResult,
} from './types.ts'

const EMPTY_ENTRY: Entry = { term: 0, index: 0, type: EntryType.Normal, data: EMPTY_BYTES }

/** Terms and indexes of the proposed entries are not looked at: the leader gives them theirs. */
export function propose(raft: Raft, entries: readonly Entry[]): StepResult {
  if (raft.role === 'leader') return proposeAsLeader(raft, entries)
  if (raft.role !== 'follower' || raft.lead === NONE) return refuse('no-leader')
  if (raft.settings.disableProposalForwarding) return refuse('not-leader')
  return forward(raft, entries, raft.id)
}

/** A proposal that another member forwarded. */
export function handleProposal(raft: Raft, message: Message): StepResult {
  if (raft.role === 'leader') return proposeAsLeader(raft, message.entries)
  if (raft.role !== 'follower' || raft.lead === NONE) return refuse('no-leader')
  if (raft.settings.disableProposalForwarding) return refuse('not-leader')
  return forward(raft, message.entries, message.from)
}

function forward(raft: Raft, entries: readonly Entry[], from: number): StepResult {
  const message = newMessage(MessageType.Prop, raft.lead)
  message.from = from
  message.entries = entries
  raft.send(message)
  return OK
}

function proposeAsLeader(raft: Raft, entries: readonly Entry[]): StepResult {
  if (entries.length === 0) return refuse('empty-proposal')
  if (raft.tracker.get(raft.id) === undefined) return refuse('removed')
  if (raft.leadTransferee !== NONE) return refuse('transferring')
  const checked = checkConfChanges(raft, entries)
  if (checked === undefined) return refuse('bad-conf-change')
  if (!appendOwn(raft, checked)) return refuse('over-quota')
  broadcastAppend(raft)
  return OK
}

/**
 * Only one configuration change may be in the log unapplied. One that comes too early, or does not fit the joint
 * state, becomes an empty entry. Undefined when one is unreadable.
 */
function checkConfChanges(raft: Raft, entries: readonly Entry[]): readonly Entry[] | undefined {
  let checked: Entry[] | undefined
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    if (entry.type === EntryType.Normal) continue
    const change = decodeConfChange(entry)
    if (change === undefined) return undefined
    const isJoint = raft.tracker.config.votersOutgoing.length > 0
    const fits = raft.pendingConfIndex <= raft.log.applied && isJoint === (change.changes.length === 0)
    if (fits || raft.settings.disableConfChangeValidation) {
      raft.pendingConfIndex = raft.log.lastIndex() + i + 1
    } else {
      checked ??= [...entries]
      checked[i] = EMPTY_ENTRY
    }
  }
  return checked ?? entries
}

/** Appends to the leader's own log, if the quota allows. Its own ack is a message, sent when the entries are on disk. */
export function appendOwn(raft: Raft, proposed: readonly Entry[]): boolean {
  const size = payloadSize(proposed)
  const { uncommittedSize } = raft
  // One proposal of any size is let into an empty tail, and empty entries always: a leader needs its first entry.
  if (uncommittedSize > 0 && size > 0 && uncommittedSize + size > raft.settings.maxUncommittedSize)
    return false
  raft.uncommittedSize = uncommittedSize + size
  const first = raft.log.lastIndex() + 1
  const entries: Entry[] = []
  for (let i = 0; i < proposed.length; i++) {
    const { type, data } = proposed[i]!
    entries.push({ term: raft.term, index: first + i, type, data })
  }
  const last = raft.log.append(entries)
  raft.send(raft.newAppendResponse(raft.id, last))
  return true
}

/** The host has applied up to `index`. `size` and `payload` are the bytes of what it has finished. */
export function handleApplied(raft: Raft, index: number, size: number, payload: number): void {
  const applied = Math.max(index, raft.log.applied)
  raft.log.appliedTo(applied, size)
  const leaves = raft.tracker.config.autoLeave && applied >= raft.pendingConfIndex && raft.role === 'leader'
  // May be dropped during a transfer; then the next applied entry, or the next leader, tries again.
  if (leaves) {
    proposeAsLeader(raft, [{ term: 0, index: 0, type: EntryType.ConfChangeV2, data: EMPTY_BYTES }])
  }
  raft.uncommittedSize = Math.max(0, raft.uncommittedSize - payload)
}
