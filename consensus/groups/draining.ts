import { EntryType, type Message, MessageType, type Ready } from '../raft/types.ts'
import type { Notes } from './frame.ts'
import type { HostedGroup, PersistStep } from './hosted-group.ts'
import { applyChanges, applySnapshotMembers } from './membership.ts'
import { count, type HostParts } from './parts.ts'
import { submitProposals } from './proposing.ts'
import { loseOldReads, readConfirmed, submitReads } from './reads.ts'
import { answerAsked, heldDurably, sendAnswer } from './rejoin.ts'

/** Takes out of a group's core all that is to be done. */
export function drain(parts: HostParts, hosted: HostedGroup): void {
  submitProposals(parts, hosted)
  submitReads(parts, hosted)
  while (hosted.node.hasReady()) handle(parts, hosted, hosted.node.ready())
  hosted.offerOps = []
  parts.clocks.membersMayHaveChanged(hosted)
  answerAsked(parts, hosted)
  reportRole(parts, hosted)
}

/** What this step had to write is durable. */
export function stored(parts: HostParts, step: PersistStep): void {
  const { group, append } = step
  if (parts.groups.get(group.instance.group) !== group) return
  const { snapshot } = append
  if (snapshot !== undefined) {
    group.log.applySnapshot(snapshot)
    group.applied = snapshot.index
    applySnapshotMembers(parts, group, snapshot)
    const { index, term, data } = snapshot
    parts.effects.installed(group.instance.group, index, term, data)
  }
  if (append.entries.length > 0) group.log.append(append.entries)
  respond(parts, group, append.responses)
  respond(parts, group, step.later)
  for (const { peer, rejoinAnswer } of step.answers) sendAnswer(parts, group, peer, rejoinAnswer)
  const last = append.entries[append.entries.length - 1] ?? snapshot
  if (last !== undefined) heldDurably(parts, group, last.index, last.term)
}

function handle(parts: HostParts, hosted: HostedGroup, ready: Ready): void {
  for (const message of ready.messages) {
    if (message.type === MessageType.StorageAppend) {
      if (!parts.writes.add(hosted, message)) respond(parts, hosted, message.responses)
    } else if (message.type === MessageType.StorageApply) commit(parts, hosted, message)
    else send(parts, hosted, message)
  }
  for (const read of ready.readStates) readConfirmed(parts, hosted, read)
}

function commit(parts: HostParts, hosted: HostedGroup, apply: Message): void {
  const { entries } = apply
  // Before the core hears that they are applied, on which it leaves a joint configuration.
  applyChanges(parts, hosted, entries)
  parts.effects.committed(hosted.instance.group, entries)
  const { term } = hosted.proposals
  for (const { term: of, type, data } of entries)
    if (of === term && type === EntryType.Normal) hosted.uncommittedBytes -= data.length
  hosted.applied = entries[entries.length - 1]!.index
  hosted.quietTicks = 0
  respond(parts, hosted, apply.responses)
}

function respond(parts: HostParts, hosted: HostedGroup, responses: readonly Message[]): void {
  for (const response of responses) {
    if (response.to === parts.settings.self) hosted.node.step(response)
    else send(parts, hosted, response)
  }
  parts.dirty.add(hosted)
}

function reportRole(parts: HostParts, hosted: HostedGroup): void {
  const { role, term, lead: leader } = hosted.node
  const last = hosted.reported
  if (last.role === role && last.term === term && last.leader === leader) return
  if (role !== 'leader' || term !== last.term) hosted.uncommittedBytes = 0
  hosted.reported = { group: hosted.instance.group, role, term, leader }
  parts.clocks.roleChanged(hosted)
  loseOldReads(parts, hosted)
  parts.effects.role(hosted.reported)
}

function send(parts: HostParts, hosted: HostedGroup, message: Message): void {
  if (parts.peersUp.has(message.to)) {
    parts.outbox.add(hosted.instance, message, coverFor(parts, hosted, message))
    return
  }
  count(parts, 'peer-down')
  if (message.type === MessageType.Snap) hosted.node.reportSnapshot(message.to, false)
}

/** A heartbeat's answer says whether our node's support for the leader's covers this group. */
function coverFor(parts: HostParts, hosted: HostedGroup, { type, to }: Message): Notes | undefined {
  if (type !== MessageType.HeartbeatResp || hosted.boundTo !== to) return undefined
  return { support: parts.clocks.liveness.epochFor(to) }
}
