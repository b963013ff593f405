import { Inflights } from '../tracker/inflights.ts'
import { Progress } from '../tracker/progress.ts'
import type { ConfState } from '../types.ts'
import { type ConfChange, entersJoint, leavesJoint, type SingleChange } from './conf-change.ts'

/** The configuration that a change starts from. */
export interface ChangeBase {
  readonly config: ConfState
  readonly members: readonly Progress[]
  readonly lastIndex: number
  readonly maxInflightMessages: number
  readonly maxInflightBytes: number
}

export type ChangeRefusal =
  | 'already-joint'
  | 'not-joint'
  | 'joint'
  | 'no-voters'
  | 'removed-all-voters'
  | 'more-than-one-voter'

export type ChangeResult =
  | { readonly ok: true; readonly config: ConfState; readonly members: readonly Progress[] }
  | { readonly ok: false; readonly code: ChangeRefusal }

/** A working copy: the base is untouched when the change turns out to be impossible. */
interface Draft {
  readonly base: ChangeBase
  voters: readonly number[]
  votersOutgoing: readonly number[]
  learners: readonly number[]
  learnersNext: readonly number[]
  members: readonly Progress[]
}

export function applyChange(base: ChangeBase, change: ConfChange): ChangeResult {
  if (leavesJoint(change)) return leaveJoint(base)
  if (entersJoint(change)) return enterJoint(base, change.transition !== 'explicit', change.changes)
  return simpleChange(base, change.changes)
}

/** At most one voter comes or goes, so that any two majorities overlap (Raft thesis 4.1). */
export function simpleChange(base: ChangeBase, changes: readonly SingleChange[]): ChangeResult {
  if (isJoint(base.config)) return { ok: false, code: 'joint' }
  const draft = openDraft(base)
  for (const change of changes) applySingle(draft, change)
  if (draft.voters.length === 0) return { ok: false, code: 'removed-all-voters' }
  if (symmetricDifference(base.config.voters, draft.voters) > 1)
    return { ok: false, code: 'more-than-one-voter' }
  return closeDraft(draft, false)
}

/** (1 2 3) becomes (changed)&&(1 2 3): C_new,old of the Raft thesis 4.3. */
export function enterJoint(
  base: ChangeBase,
  autoLeave: boolean,
  changes: readonly SingleChange[],
): ChangeResult {
  if (isJoint(base.config)) return { ok: false, code: 'already-joint' }
  if (base.config.voters.length === 0) return { ok: false, code: 'no-voters' }
  const draft = openDraft(base)
  draft.votersOutgoing = draft.voters
  for (const change of changes) applySingle(draft, change)
  if (draft.voters.length === 0) return { ok: false, code: 'removed-all-voters' }
  return closeDraft(draft, autoLeave)
}

/** The incoming half decides alone from here on; voters that were to become learners do so now. */
export function leaveJoint(base: ChangeBase): ChangeResult {
  if (!isJoint(base.config)) return { ok: false, code: 'not-joint' }
  const draft = openDraft(base)
  for (const id of draft.learnersNext) {
    draft.learners = added(draft.learners, id)
    member(draft, id)!.isLearner = true
  }
  draft.learnersNext = []
  for (const id of draft.votersOutgoing) {
    if (!draft.voters.includes(id) && !draft.learners.includes(id)) dropMember(draft, id)
  }
  draft.votersOutgoing = []
  return closeDraft(draft, false)
}

function applySingle(draft: Draft, change: SingleChange): void {
  if (change.nodeId === 0) return
  if (change.type === 'add-voter') makeVoter(draft, change.nodeId)
  else if (change.type === 'add-learner') makeLearner(draft, change.nodeId)
  else if (change.type === 'remove') remove(draft, change.nodeId)
}

function makeVoter(draft: Draft, id: number): void {
  const progress = member(draft, id)
  draft.voters = added(draft.voters, id)
  if (progress === undefined) {
    addMember(draft, newMember(draft, id, false))
    return
  }
  progress.isLearner = false
  draft.learners = without(draft.learners, id)
  draft.learnersNext = without(draft.learnersNext, id)
}

/**
 * A voter of the outgoing half cannot be a learner yet, since it would be counted as both: it waits in
 * `learnersNext` until the joint configuration is left.
 */
function makeLearner(draft: Draft, id: number): void {
  const progress = member(draft, id)
  if (progress === undefined) {
    draft.learners = added(draft.learners, id)
    addMember(draft, newMember(draft, id, true))
    return
  }
  if (progress.isLearner) return
  remove(draft, id)
  addMember(draft, progress)
  if (draft.votersOutgoing.includes(id)) {
    draft.learnersNext = added(draft.learnersNext, id)
  } else {
    progress.isLearner = true
    draft.learners = added(draft.learners, id)
  }
}

function remove(draft: Draft, id: number): void {
  if (member(draft, id) === undefined) return
  draft.voters = without(draft.voters, id)
  draft.learners = without(draft.learners, id)
  draft.learnersNext = without(draft.learnersNext, id)
  if (!draft.votersOutgoing.includes(id)) dropMember(draft, id)
}

function newMember(draft: Draft, id: number, isLearner: boolean): Progress {
  const { lastIndex, maxInflightMessages, maxInflightBytes } = draft.base
  const inflights = new Inflights(maxInflightMessages, maxInflightBytes)
  const progress = new Progress(id, Math.max(lastIndex, 1), isLearner, inflights)
  // Else a quorum check before its first word would make the leader step down.
  progress.recentActive = true
  return progress
}

function openDraft(base: ChangeBase): Draft {
  const { voters, votersOutgoing, learners, learnersNext } = base.config
  const members = base.members.map(progress => progress.clone())
  return { base, voters, votersOutgoing, learners, learnersNext, members }
}

function closeDraft(draft: Draft, autoLeave: boolean): ChangeResult {
  const { voters, votersOutgoing, learners, learnersNext, members } = draft
  return { ok: true, config: { voters, learners, votersOutgoing, learnersNext, autoLeave }, members }
}

function isJoint(config: ConfState): boolean {
  return config.votersOutgoing.length > 0
}

function member(draft: Draft, id: number): Progress | undefined {
  return draft.members.find(progress => progress.id === id)
}

function addMember(draft: Draft, progress: Progress): void {
  dropMember(draft, progress.id)
  draft.members = [...draft.members, progress].sort((a, b) => a.id - b.id)
}

function dropMember(draft: Draft, id: number): void {
  draft.members = draft.members.filter(progress => progress.id !== id)
}

function added(ids: readonly number[], id: number): readonly number[] {
  return ids.includes(id) ? ids : [...ids, id].sort((a, b) => a - b)
}

function without(ids: readonly number[], id: number): readonly number[] {
  return ids.filter(other => other !== id)
}

function symmetricDifference(left: readonly number[], right: readonly number[]): number {
  const gone = left.filter(id => !right.includes(id)).length
  return gone + right.filter(id => !left.includes(id)).length
}
