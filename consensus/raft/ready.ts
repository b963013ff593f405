import { entriesSize } from './log/sizes.ts'
import type { Raft } from './raft.ts'
import {
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  newMessage,
  type Ready,
  type Snapshot,
  type SoftState,
} from './types.ts'

/** What the host was told last, so that only changes are told. */
export interface Told {
  softState: SoftState
  hardState: HardState
}

export function hasReady(raft: Raft, told: Told): boolean {
  const { log } = raft
  return (
    raft.messages.length > 0 ||
    raft.messagesAfterAppend.length > 0 ||
    log.unstable.hasNextEntries ||
    log.hasNextCommitted(allowsUnstable(raft)) ||
    softStateChanged(raft, told.softState) ||
    hardStateChanged(raft, told.hardState) ||
    log.unstable.nextSnapshot() !== undefined ||
    raft.readStates.length > 0
  )
}

/**
 * Takes everything that is to be done. `onAdvance` collects what this node tells itself once that is done, when there
 * are no storage threads to carry it.
 */
export function takeReady(raft: Raft, told: Told, onAdvance: Message[]): Ready {
  const { log } = raft
  const entries = log.unstable.nextEntries()
  const committedEntries = log.nextCommitted(allowsUnstable(raft))
  const hardState = hardStateChanged(raft, told.hardState) ? raft.hardState() : undefined
  const softState = softStateChanged(raft, told.softState) ? { lead: raft.lead, role: raft.role } : undefined
  const snapshot = log.unstable.nextSnapshot()
  const mustSync =
    entries.length > 0 || raft.term !== told.hardState.term || raft.vote !== told.hardState.vote
  const readStates = raft.readStates
  const messages = raft.messages
  const afterAppend = raft.messagesAfterAppend
  if (raft.settings.asyncStorageWrites) {
    const needsAppend =
      entries.length > 0 || hardState !== undefined || snapshot !== undefined || afterAppend.length > 0
    if (needsAppend) messages.push(newStorageAppend(raft, entries, hardState, snapshot, afterAppend))
    if (committedEntries.length > 0) messages.push(newStorageApply(raft, committedEntries))
  } else {
    for (const message of afterAppend) (message.to === raft.id ? onAdvance : messages).push(message)
    const appended = newStorageAppendResponse(raft, snapshot)
    if (appended !== undefined) onAdvance.push(appended)
    if (committedEntries.length > 0) onAdvance.push(newStorageApplyResponse(raft, committedEntries))
  }
  accept(raft, told, softState, hardState, committedEntries)
  return { softState, hardState, readStates, entries, snapshot, committedEntries, messages, mustSync }
}

function accept(
  raft: Raft,
  told: Told,
  softState: SoftState | undefined,
  hardState: HardState | undefined,
  committedEntries: readonly Entry[],
): void {
  if (softState !== undefined) told.softState = softState
  if (hardState !== undefined) told.hardState = hardState
  raft.messages = []
  raft.messagesAfterAppend = []
  raft.readStates = []
  raft.log.unstable.acceptInProgress()
  const last = committedEntries[committedEntries.length - 1]
  if (last !== undefined)
    raft.log.acceptApplying(last.index, entriesSize(committedEntries), allowsUnstable(raft))
}

/** Without storage threads the host writes before it applies, so committed entries need not be on disk yet. */
function allowsUnstable(raft: Raft): boolean {
  return !raft.settings.asyncStorageWrites
}

function newStorageAppend(
  raft: Raft,
  entries: readonly Entry[],
  hardState: HardState | undefined,
  snapshot: Snapshot | undefined,
  afterAppend: readonly Message[],
): Message {
  const message = newMessage(MessageType.StorageAppend, LOCAL_APPEND_THREAD)
  message.from = raft.id
  message.entries = entries
  message.snapshot = snapshot
  if (hardState !== undefined) {
    message.term = hardState.term
    message.vote = hardState.vote
    message.commit = hardState.commit
  }
  // The leader's own ack goes first: it still finds the terms of its entries in the unstable log.
  const appended = newStorageAppendResponse(raft, snapshot)
  message.responses = appended === undefined ? afterAppend : [...afterAppend, appended]
  return message
}

/**
 * Names the last entry of the whole unstable tail, not of this write: the answer to the write that carried it may have
 * been ignored because the term changed meanwhile (see storage-response.ts).
 */
function newStorageAppendResponse(raft: Raft, snapshot: Snapshot | undefined): Message | undefined {
  const hasTail = raft.log.unstable.entries.length > 0
  if (!hasTail && snapshot === undefined) return undefined
  const response = newMessage(MessageType.StorageAppendResp, raft.id)
  response.from = LOCAL_APPEND_THREAD
  response.isLocal = true
  response.term = raft.term
  response.snapshot = snapshot
  if (hasTail) {
    response.index = raft.log.lastIndex()
    response.logTerm = raft.log.lastTerm()
  }
  return response
}

function newStorageApply(raft: Raft, entries: readonly Entry[]): Message {
  const message = newMessage(MessageType.StorageApply, LOCAL_APPLY_THREAD)
  message.from = raft.id
  message.entries = entries
  message.responses = [newStorageApplyResponse(raft, entries)]
  return message
}

function newStorageApplyResponse(raft: Raft, entries: readonly Entry[]): Message {
  const response = newMessage(MessageType.StorageApplyResp, raft.id)
  response.from = LOCAL_APPLY_THREAD
  response.isLocal = true
  response.entries = entries
  return response
}

function softStateChanged(raft: Raft, told: SoftState): boolean {
  return raft.lead !== told.lead || raft.role !== told.role
}

function hardStateChanged(raft: Raft, told: HardState): boolean {
  const { term, vote, log } = raft
  if (term + vote + log.committed === NONE) return false
  return term !== told.term || vote !== told.vote || log.committed !== told.commit
}
