import { EntryType, MessageType, NONE, newMessage } from '../raft/types.ts'
import type { HostedGroup } from './hosted-group.ts'
import { count, type HostParts } from './parts.ts'
import type { Proposed } from './types.ts'

/** Takes a proposal where this node leads. It leaves with all others of this turn. */
export function propose(parts: HostParts, hosted: HostedGroup, data: Uint8Array): Proposed {
  const { node, proposals } = hosted
  const { maxEntryBytes, maxUncommittedBytes } = parts.settings.limits
  const leader = node.lead
  if (node.role !== 'leader') return { ok: false, code: 'not-leader', leader }
  if (data.length > maxEntryBytes) return { ok: false, code: 'too-large', leader }
  if (proposals.payloads.length > 0 && proposals.term !== node.term) proposals.payloads.length = 0
  const over = hosted.uncommittedBytes + data.length > maxUncommittedBytes
  if (node.raft.leadTransferee !== NONE || over) return { ok: false, code: 'busy', leader }
  proposals.term = node.term
  proposals.payloads.push(data)
  hosted.uncommittedBytes += data.length
  parts.clocks.wake(hosted)
  parts.dirty.add(hosted)
  return { ok: true, index: node.raft.log.lastIndex() + proposals.payloads.length, term: node.term }
}

export function submitProposals(parts: HostParts, hosted: HostedGroup): void {
  const { proposals, node } = hosted
  if (proposals.payloads.length === 0) return
  const payloads = proposals.payloads.splice(0)
  const leads = node.role === 'leader' && node.term === proposals.term
  // One message of all, so that they also make one append to each peer.
  const message = newMessage(MessageType.Prop, parts.settings.self)
  message.from = parts.settings.self
  message.entries = payloads.map(data => ({ term: 0, index: 0, type: EntryType.Normal, data }))
  const result = leads ? node.step(message) : undefined
  if (result?.ok !== true) count(parts, 'lost-proposal', payloads.length)
}

/** Asks the leader, which this node must be, to hand over to a member that is up to date or nearly so. */
export function transfer(parts: HostParts, hosted: HostedGroup, to: number): void {
  const { node } = hosted
  submitProposals(parts, hosted)
  hosted.transferTerm = node.term
  node.transferLeader(to)
  parts.clocks.wake(hosted)
  parts.dirty.add(hosted)
}
