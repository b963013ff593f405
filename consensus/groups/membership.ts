import { decodeConfChange } from '../raft/confchange/codec.ts'
import type { SingleChange } from '../raft/confchange/conf-change.ts'
import { names } from '../raft/tracker/config.ts'
import { type ConfState, EMPTY_BYTES, type Entry, MAX_NODE_ID, NONE, type Snapshot } from '../raft/types.ts'
import type { HostedGroup } from './hosted-group.ts'
import type { Liveness } from './liveness/liveness.ts'
import type { HostParts } from './parts.ts'
import { submitProposals } from './proposing.ts'
import type { ChangeMembersResult, Members } from './types.ts'

/**
 * Proposes that the group shall have these members and no others. More than one change at a time goes through a joint
 * configuration, which is left by itself (Raft thesis 4.3). One that is under way must be over first.
 */
export function changeMembers(parts: HostParts, hosted: HostedGroup, wanted: Members): ChangeMembersResult {
  const { node } = hosted
  const { raft } = node
  const leader = node.lead
  if (!isWellFormed(wanted)) return { ok: false, code: 'malformed', leader }
  if (wanted.voters.length + wanted.learners.length > parts.settings.limits.maxMembers)
    return { ok: false, code: 'too-many-members', leader }
  if (node.role !== 'leader') return { ok: false, code: 'not-leader', leader }
  if (raft.leadTransferee !== NONE) return { ok: false, code: 'busy', leader }
  if (changeIsUnderWay(hosted)) return { ok: false, code: 'change-under-way', leader }
  const changes = changesTo(raft.tracker.config, wanted)
  if (changes.length === 0) return { ok: false, code: 'unchanged', leader }
  submitProposals(parts, hosted)
  const transition = changes.length > 1 ? 'implicit' : 'auto'
  const proposed = node.proposeConfChange({ version: 2, transition, changes, context: EMPTY_BYTES })
  parts.clocks.wake(hosted)
  parts.dirty.add(hosted)
  return proposed.ok ? proposed : { ok: false, code: 'busy', leader }
}

/** A new leader can't know of the changes in its log until it has applied what it found there. */
function changeIsUnderWay({ node }: HostedGroup): boolean {
  const { tracker, pendingConfIndex, log } = node.raft
  return tracker.config.votersOutgoing.length > 0 || pendingConfIndex > log.applied
}

/** The proposal to leave a joint configuration was lost, as it is when the leader was handing over. */
export function leaveJoint({ node }: HostedGroup): void {
  const { tracker, pendingConfIndex, log, leadTransferee } = node.raft
  const { autoLeave } = tracker.config
  if (!autoLeave || pendingConfIndex > log.applied || leadTransferee !== NONE) return
  node.proposeConfChange({ version: 2, transition: 'auto', changes: [], context: EMPTY_BYTES })
}

function isWellFormed({ voters, learners }: Members): boolean {
  const all = [...voters, ...learners]
  const areIds = all.every(id => Number.isSafeInteger(id) && id >= 1 && id <= MAX_NODE_ID)
  return areIds && voters.length > 0 && new Set(all).size === all.length
}

function changesTo({ voters, learners }: ConfState, wanted: Members): SingleChange[] {
  const changes: SingleChange[] = []
  for (const nodeId of wanted.voters) {
    if (!voters.includes(nodeId)) changes.push({ type: 'add-voter', nodeId })
  }
  for (const nodeId of wanted.learners) {
    if (!learners.includes(nodeId)) changes.push({ type: 'add-learner', nodeId })
  }
  for (const nodeId of [...voters, ...learners]) {
    const stays = wanted.voters.includes(nodeId) || wanted.learners.includes(nodeId)
    if (!stays) changes.push({ type: 'remove', nodeId })
  }
  return changes
}

/** Changes of members among entries that are committed take effect: after the commit, in order, each once in a life. */
export function applyChanges(parts: HostParts, hosted: HostedGroup, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const change = decodeConfChange(entry)
    if (change === undefined) continue
    const { confState, refused } = hosted.node.applyConfChange(change)
    if (refused === undefined) hold(parts, hosted, entry.index, confState)
  }
}

/** A snapshot brings the members as of its index. */
export function applySnapshotMembers(parts: HostParts, hosted: HostedGroup, snapshot: Snapshot): void {
  hosted.configs.length = 0
  hold(parts, hosted, snapshot.index, snapshot.confState)
}

function hold(parts: HostParts, hosted: HostedGroup, index: number, confState: ConfState): void {
  hosted.configs.push({ index, confState })
  const { group } = hosted.instance
  const { voters, learners, votersOutgoing } = confState
  const isMember = names(confState, parts.settings.self)
  parts.effects.members({ group, index, voters, learners, votersOutgoing, isMember })
}

/** The members as of an index that the log or its snapshot reaches back to. */
export function membersAsOf({ configs }: HostedGroup, index: number): ConfState {
  let { confState } = configs[0]!
  for (const config of configs) if (config.index <= index) confState = config.confState
  return confState
}

/** What was before is not asked for any more: the log begins after `index`. */
export function forgetMembersBefore({ configs }: HostedGroup, index: number): void {
  while (configs.length > 1 && configs[1]!.index <= index) configs.shift()
}

/** Whether this node is a member, as far as it has applied. */
export function isMemberItself({ node }: HostedGroup): boolean {
  return names(node.raft.tracker.config, node.raft.id)
}

export function isVoterItself({ node }: HostedGroup): boolean {
  return node.raft.tracker.isVoter(node.raft.id)
}

/** The core has other members than before: the nodes that this one has to know of follow them. False: it has not. */
export function followMembers(hosted: HostedGroup, liveness: Liveness): boolean {
  const { node, sharedWith, covering } = hosted
  const { tracker } = node.raft
  if (tracker.members === sharedWith) return false
  for (const { id } of tracker.members) liveness.shares(id, 1)
  for (const { id } of sharedWith) liveness.shares(id, -1)
  hosted.sharedWith = tracker.members
  // What a member promised that left says nothing of its next time here.
  for (const id of covering) if (tracker.get(id) === undefined) covering.delete(id)
  hosted.wasMember ||= isMemberItself(hosted)
  return true
}

/** It takes part: a member as far as it knows, and nobody has said otherwise. */
export function belongs(hosted: HostedGroup): boolean {
  return !hosted.wasRemoved && isMemberItself(hosted)
}

/**
 * Whether this peer is listened to. It may be a member by a change which this replica has not applied yet, as for a new
 * replica and for one that was away for long; the caller says who that may be, since any node could say it of itself.
 */
export function isHeard({ node, introduced }: HostedGroup, peer: number): boolean {
  const { config } = node.raft.tracker
  return config.voters.length === 0 || names(config, peer) || introduced.has(peer)
}
