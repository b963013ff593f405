import { applyChange, type ChangeRefusal } from './confchange/changer.ts'
import type { ConfChange } from './confchange/conf-change.ts'
import type { Raft } from './raft.ts'
import { broadcastAppend, maybeCommit, sendAppend } from './replication.ts'
import type { Progress } from './tracker/progress.ts'
import { type ConfState, NONE } from './types.ts'

/** The members from now on. `refused`: the change does not fit them and was left out, on every replica alike. */
export interface AppliedChange {
  readonly confState: ConfState
  readonly refused: ChangeRefusal | undefined
}

/** A committed change takes effect. */
export function applyConfChange(raft: Raft, change: ConfChange): AppliedChange {
  const { maxInflightMessages, maxInflightBytes } = raft.settings
  const { config, members } = raft.tracker
  const lastIndex = raft.log.lastIndex()
  const result = applyChange({ config, members, lastIndex, maxInflightMessages, maxInflightBytes }, change)
  if (!result.ok) return { confState: config, refused: result.code }
  switchToConfig(raft, result.config, result.members)
  return { confState: result.config, refused: undefined }
}

export function switchToConfig(raft: Raft, config: ConfState, members: readonly Progress[]): void {
  raft.tracker.config = config
  raft.tracker.members = members
  const own = raft.tracker.get(raft.id)
  raft.isLearner = own?.isLearner ?? false
  if (raft.role !== 'leader') return
  if (own === undefined || own.isLearner) {
    if (raft.settings.stepDownOnRemoval) raft.becomeFollower(raft.term, NONE)
    return
  }
  if (config.voters.length === 0) return
  if (maybeCommit(raft)) {
    broadcastAppend(raft)
  } else {
    // New members are probed now, instead of at the next heartbeat.
    for (const member of members) if (member.id !== raft.id) sendAppend(raft, member, false)
  }
  if (!raft.tracker.isVoter(raft.leadTransferee)) raft.leadTransferee = NONE
}
