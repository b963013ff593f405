import { entriesSize, payloadSize } from './log/sizes.ts'
import { handleApplied } from './proposals.ts'
import type { Raft } from './raft.ts'
import { type Message, MessageType, type Snapshot } from './types.ts'

/** The host has written, or applied, what it was handed. */
export function handleStorageResponse(raft: Raft, message: Message): void {
  if (message.type === MessageType.StorageAppendResp) handleAppended(raft, message)
  else handleEntriesApplied(raft, message)
}

/**
 * An answer from an older term says nothing of the entries: since then they may have been replaced, and replaced back,
 * while the write of the other version is still under way. Every write after that reports the whole tail again. A
 * snapshot holds in any term.
 */
function handleAppended(raft: Raft, message: Message): void {
  if (message.term >= raft.term && message.index > 0) {
    raft.log.unstable.stableTo(message.index, message.logTerm)
  }
  if (message.snapshot !== undefined) appliedSnapshot(raft, message.snapshot)
}

function handleEntriesApplied(raft: Raft, message: Message): void {
  const { entries } = message
  const last = entries[entries.length - 1]
  if (last !== undefined) handleApplied(raft, last.index, entriesSize(entries), payloadSize(entries))
}

function appliedSnapshot(raft: Raft, snapshot: Snapshot): void {
  raft.log.unstable.stableSnapshotTo(snapshot.index)
  handleApplied(raft, snapshot.index, 0, 0)
}
