import { payloadSize } from './log/sizes.ts'
import type { Raft } from './raft.ts'
import { names } from './tracker/config.ts'
import type { Progress } from './tracker/progress.ts'
import { type Entry, MessageType, newMessage } from './types.ts'

const NO_ENTRIES: readonly Entry[] = Object.freeze([])

export function broadcastAppend(raft: Raft): void {
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) sendAppend(raft, member, true)
  }
}

/**
 * Sends the next entries, or the commit index alone when `evenIfEmpty`, or a snapshot when the entries are gone.
 * False when there was nothing to send or the member is paused.
 */
export function sendAppend(raft: Raft, member: Progress, evenIfEmpty: boolean): boolean {
  if (member.paused) return false
  const { log } = raft
  const prevIndex = member.next - 1
  const prevTerm = log.term(prevIndex)
  if (prevTerm < 0) return sendSnapshot(raft, member)
  let entries: readonly Entry[] | undefined = NO_ENTRIES
  // Full inflights let only an empty append through: its answer frees them should all of them have been lost.
  if (member.state !== 'replicate' || !member.inflights.full) {
    entries = log.entries(member.next, raft.settings.maxSizePerMessage)
  }
  if (entries === undefined) return evenIfEmpty && sendSnapshot(raft, member)
  if (entries.length === 0 && !evenIfEmpty) return false
  const append = newMessage(MessageType.App, member.id)
  append.index = prevIndex
  append.logTerm = prevTerm
  append.entries = entries
  append.commit = log.committed
  raft.send(append)
  member.sentEntries(entries.length, payloadSize(entries))
  member.sentCommit(log.committed)
  return true
}

/**
 * Only to a member that we heard of lately, and, unless the settings say otherwise, only a snapshot that names it: it
 * would ignore one from before it was added. Until the host makes a newer one it waits.
 */
function sendSnapshot(raft: Raft, member: Progress): boolean {
  if (!member.recentActive) return false
  const snapshot = raft.log.snapshot()
  if (snapshot === undefined) return false
  if (!raft.settings.snapshotsPrecedeMembers && !names(snapshot.confState, member.id)) return false
  member.becomeSnapshot(snapshot.index)
  const message = newMessage(MessageType.Snap, member.id)
  message.snapshot = snapshot
  raft.send(message)
  return true
}

/** Heartbeats confirm the reads that wait, if any. */
export function broadcastHeartbeat(raft: Raft): void {
  const context = raft.readOnly.heartbeatContext()
  for (const member of raft.tracker.members) {
    if (member.id === raft.id) continue
    const heartbeat = newMessage(MessageType.Heartbeat, member.id)
    // Never past what the follower is known to hold: beyond it its log may differ from ours.
    heartbeat.commit = Math.min(member.match, raft.log.committed)
    heartbeat.context = context
    raft.send(heartbeat)
    member.sentCommit(heartbeat.commit)
  }
}

/** Commits what a quorum has on disk. True when the commit index moved. */
export function maybeCommit(raft: Raft): boolean {
  return raft.log.maybeCommit(raft.tracker.committedIndex(), raft.term)
}
