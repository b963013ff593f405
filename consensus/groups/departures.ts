import type { RaftInstance } from '../../storage/keys.ts'
import { names } from '../raft/tracker/config.ts'
import { type Message, MessageType } from '../raft/types.ts'
import type { GroupMessages } from './frame.ts'
import type { HostedGroup } from './hosted-group.ts'
import { isMemberItself, isVoterItself } from './membership.ts'
import { closeGroup, count, type HostParts } from './parts.ts'

/**
 * The newest entry that a replica knew to be committed when it was closed; index 0 for none. Who left a group goes on telling
 * it to whoever asks for votes: docs/consensus.md, "Who left".
 */
export interface Departure extends RaftInstance, Committed {}

export interface Committed {
  readonly index: number
  readonly term: number
}

export function asksForVote({ type }: Message): boolean {
  return type === MessageType.Vote || type === MessageType.PreVote
}

/** What it was told counts as much as what it has found out: a lost disk, or a log that ends early, knows little itself. */
function newestCommitted({ node, told }: HostedGroup): Committed {
  const { log } = node.raft
  return told.index > log.committed ? told : { index: log.committed, term: log.term(log.committed) }
}

/** Closes the replica, if there is one. */
export function closeForGood(parts: HostParts, group: number): Departure | undefined {
  const hosted = parts.groups.get(group)
  if (hosted === undefined) return undefined
  closeGroup(parts, group)
  return { ...hosted.instance, ...newestCommitted(hosted) }
}

/**
 * Whoever asks for votes may have missed that a change of members is committed: its own removal, or another one, and then it
 * may ask for votes of members that have left, which it doesn't need. What it is told ends that.
 */
export function tellCommitted(
  parts: HostParts,
  hosted: HostedGroup,
  peer: number,
  { messages, rejoinAsk }: GroupMessages,
): void {
  const request = messages.find(asksForVote)
  if ((request === undefined && rejoinAsk === 0) || !parts.peersUp.has(peer)) return
  const { index: committedIndex, term: committedTerm } = newestCommitted(hosted)
  const committed = { committedIndex, committedTerm }
  const { instance, configs, applied, node, keepsVoters } = hosted
  const isOut = !names(node.raft.tracker.config, peer)
  if (isOut && isMemberItself(hosted))
    return parts.outbox.addNotes(peer, 0, instance, { ...(!keepsVoters && committed), removedAt: applied })
  if (keepsVoters) return
  // What the candidate's log does not reach it has not missed the commit of.
  const changedAt = configs[configs.length - 1]!.index
  if (request !== undefined && changedAt > 0 && request.index >= changedAt)
    parts.outbox.addNotes(peer, 0, instance, committed)
}

/** Of a group that this node has no replica of. */
export function receiveAsDeparted(parts: HostParts, peer: number, received: GroupMessages): void {
  count(parts, 'unknown-group')
  const departed = parts.departed.get(received.group)
  if (departed === undefined || !parts.peersUp.has(peer)) return
  const { epoch, view, index: committedIndex, term: committedTerm } = departed
  const isSame = received.epoch === epoch && received.view === view
  if (isSame && committedIndex > 0 && received.messages.some(asksForVote))
    parts.outbox.addNotes(peer, 0, departed, { committedIndex, committedTerm })
}

/**
 * A member, or one that has left, says what is committed. Where no voter leaves, nobody has to be told, and it may lie: what one
 * of them says would stand against what the others commit.
 */
export function learnCommitted(
  parts: HostParts,
  hosted: HostedGroup,
  { committedIndex: index, committedTerm: term }: GroupMessages,
): void {
  if (index > 0 && hosted.keepsVoters) return count(parts, 'committed-unasked')
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(term) || index <= hosted.told.index) return
  hosted.told = { index, term }
  hosted.node.learnCommitted(index, term)
}

/** A member says that this replica was removed. It may lie: one word of one member must not keep a voter from standing. */
export function learnRemoved(parts: HostParts, hosted: HostedGroup): void {
  if (hosted.keepsVoters && isVoterItself(hosted)) count(parts, 'removed-untrue')
  else parts.clocks.toldRemoved(hosted)
}
