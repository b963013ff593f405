import { isTransfer } from '../raft/election.ts'
import { type Message, MessageType, NONE } from '../raft/types.ts'
import { isBound } from './cover.ts'
import { asksForVote, learnCommitted, learnRemoved, receiveAsDeparted, tellCommitted } from './departures.ts'
import { decodeFrame, type GroupMessages } from './frame.ts'
import { breaksHold } from './holding.ts'
import type { HostedGroup } from './hosted-group.ts'
import { FROM_PEERS } from './lanes.ts'
import { isHeard } from './membership.ts'
import { contain, count, type HostParts } from './parts.ts'
import { askedByPeer } from './reads.ts'
import { receiveRejoin } from './rejoin.ts'
import { offer, wantsState } from './snapshot-offers.ts'

/** Bytes that `peer` sent. Whatever they are, they are taken or refused and counted, and never throw. */
export function receiveFrame(parts: HostParts, peer: number, frame: Uint8Array): void {
  const { clocks, settings } = parts
  const decoded = decodeFrame(frame, settings.limits.maxFrameBytes)
  if (typeof decoded === 'string') return count(parts, `frame-${decoded}`)
  for (const messages of decoded.groups) receiveForGroup(parts, peer, messages)
  const { liveness } = decoded
  if (liveness !== undefined && !clocks.liveness.receive(peer, liveness)) count(parts, 'liveness-malformed')
  // A vote that waited for this word goes out in this turn.
  clocks.orphans.scan()
}

/** What a frame of `peer` has for one group. Whatever it is, it is taken or refused and counted, and never throws. */
function receiveForGroup(parts: HostParts, peer: number, received: GroupMessages): void {
  const hosted = parts.groups.get(received.group)
  if (hosted === undefined) return receiveAsDeparted(parts, peer, received)
  const order = received.epoch - hosted.instance.epoch || received.view - hosted.instance.view
  if (order !== 0) return count(parts, order < 0 ? 'older-instance' : 'newer-instance')
  if (hosted.rejoin?.phase === 'silent') return receiveRejoin(parts, hosted, peer, received)
  tellCommitted(parts, hosted, peer, received)
  if (!isHeard(hosted, peer)) return count(parts, 'not-member', Math.max(1, received.messages.length))
  contain(parts, hosted, ({ node }) => {
    for (const message of received.messages) receiveMessage(parts, peer, hosted, message)
    if (received.committedIndex > 0) learnCommitted(parts, hosted, received)
    if (received.removedAt > hosted.applied) learnRemoved(parts, hosted)
    if (received.snapshotFailed > 0) node.reportSnapshot(peer, false)
    receiveRejoin(parts, hosted, peer, received)
    parts.clocks.received(hosted, peer, received)
    parts.dirty.add(hosted)
  })
}

function receiveMessage(parts: HostParts, peer: number, hosted: HostedGroup, message: Message): void {
  if (message.from !== peer) {
    count(parts, 'wrong-sender')
  } else if (!FROM_PEERS.has(message.type)) {
    count(parts, 'unexpected-type')
  } else if (breaksHold(hosted, message)) {
    count(parts, 'not-first-leader')
  } else if (message.type === MessageType.Snap && wantsState(hosted, message)) {
    offer(parts, peer, hosted, message)
  } else if (message.type === MessageType.ReadIndex) {
    askedByPeer(parts, peer, hosted, message)
  } else if (hosted.rejoin !== undefined && asksForVote(message)) {
    count(parts, 'abstained')
  } else if (isWithheld(parts, hosted, message)) {
    count(parts, 'withheld-vote')
    parts.clocks.withheldVote(hosted)
  } else {
    stepGroup(parts, hosted, message)
  }
}

/** While our node's support for the leader stands, only the leader itself can have somebody else elected. */
function isWithheld(parts: HostParts, hosted: HostedGroup, message: Message): boolean {
  if (!asksForVote(message) || isTransfer(message.context)) return false
  return isBound(hosted, parts.clocks.liveness, parts.nowMs())
}

export function stepGroup(parts: HostParts, hosted: HostedGroup, message: Message): void {
  const isAsked = asksForVote(message)
  if (isAsked) parts.clocks.beforeVote(hosted, message.type === MessageType.Vote)
  const result = hosted.node.step(message)
  if (!result.ok) count(parts, `refused-${result.code}`)
  parts.dirty.add(hosted)
  if (isAsked) wasAsked(parts, hosted, message)
}

/** A candidate that has all that is here is left its time; one that hasn't can't win, and costs no time. */
function wasAsked(parts: HostParts, hosted: HostedGroup, candidate: Message): void {
  const { raft } = hosted.node
  if (raft.lead !== NONE) return
  const { orphans } = parts.clocks
  if (raft.log.isUpToDate(candidate.index, candidate.logTerm)) orphans.leaveTo(hosted, candidate.from)
  else orphans.standNow(hosted)
}
