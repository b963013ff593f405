import { type ConfState, NONE } from '../raft/types.ts'
import { hasQuorum } from './cover.ts'
import { learnCommitted, learnRemoved } from './departures.ts'
import type { GroupMessages, RejoinAnswer } from './frame.ts'
import type { HostedGroup } from './hosted-group.ts'
import { count, type HostParts } from './parts.ts'
import { type RecoveredGroup, type RejoinPoint, rejoinedOp, rejoinOp } from './raft-disk.ts'
import type { RejoinStatus } from './types.ts'

/**
 * A replica whose disk was lost has forgotten votes and acknowledgements that others may still count. Before it votes
 * again it must (1) hear from every other voter where that is, and keep silent until then, and (2) hold all that it can
 * have acknowledged. docs/consensus.md, "A lost disk", has the argument; it is that of Viewstamped Replication's
 * recovery (Liskov and Cowling 2012, section 4.3), but for Raft's votes.
 */
export type Rejoin = Silent | CatchingUp

interface Silent {
  readonly phase: 'silent'
  /** The newest answer of each other member. */
  readonly answers: Map<number, RejoinAnswer>
}

interface CatchingUp extends RejoinPoint {
  readonly phase: 'catching-up'
}

type Voters = Pick<ConfState, 'voters' | 'votersOutgoing'>

/** Those who have not answered are asked again so often. */
const ASK_TICKS = 20

const MAX_NUMBERS = 100

/** What the replica that is being opened has still to learn; undefined when its disk is whole. */
export function rejoinOf(recovered: RecoveredGroup | undefined): Rejoin | undefined {
  const point = recovered?.rejoin
  if (point === undefined) return undefined
  return point.term === 0 ? { phase: 'silent', answers: new Map() } : { phase: 'catching-up', ...point }
}

/** A replica that is opened in the middle of it: its log may be all that it waits for. */
export function resumeRejoin(parts: HostParts, hosted: HostedGroup): void {
  if (hosted.rejoin === undefined) return
  hosted.node.raft.abstains = true
  parts.rejoining.add(hosted)
  const { log } = hosted.node.raft
  heldDurably(parts, hosted, log.lastIndex(), log.lastTerm())
}

/** Asks the voters that have not answered, and those whose answers don't do: at a tick, or when they come back. */
export function askWhereTheyAre(parts: HostParts, hosted: HostedGroup): void {
  if (hosted.rejoin?.phase !== 'silent') return
  for (const peer of askedBy(parts, hosted, hosted.rejoin)) {
    if (!parts.peersUp.has(peer)) continue
    parts.outbox.addNotes(peer, 0, hosted.instance, { rejoinAsk: parts.clocks.liveness.incarnation })
  }
}

export function tickRejoining(parts: HostParts, ticks: number): void {
  if (ticks % ASK_TICKS > 0) return
  for (const hosted of parts.rejoining) {
    askWhereTheyAre(parts, hosted)
    if (hosted.rejoin?.phase === 'catching-up') askWhetherRemoved(parts, hosted)
  }
}

/**
 * Others learn that they were removed when they stand for election, which this one doesn't. No leader speaks to it, so
 * none is set back by the question.
 */
function askWhetherRemoved(parts: HostParts, { node, instance }: HostedGroup): void {
  if (node.lead !== NONE && !node.missesLeader) return
  for (const peer of namedIn(node.raft.tracker.config)) {
    if (peer === parts.settings.self || !parts.peersUp.has(peer)) continue
    parts.outbox.addNotes(peer, 0, instance, { rejoinAsk: parts.clocks.liveness.incarnation })
  }
}

/** Questions and answers of one frame. */
export function receiveRejoin(
  parts: HostParts,
  hosted: HostedGroup,
  peer: number,
  received: GroupMessages,
): void {
  const { rejoinAsk, rejoinAnswer } = received
  const { rejoin } = hosted
  if (rejoin?.phase === 'silent') {
    if (received.removedAt > 0) saysRemoved(parts, hosted, rejoin, peer, received)
    if (rejoinAnswer !== undefined) answered(parts, hosted, rejoin, peer, rejoinAnswer)
  }
  if (rejoinAsk === 0) return
  hosted.node.forgetProgress(peer)
  hosted.asked.set(peer, rejoinAsk)
  parts.dirty.add(hosted)
}

/** Whoever is no member could say so to end a replica. */
function saysRemoved(
  parts: HostParts,
  hosted: HostedGroup,
  silent: Silent,
  peer: number,
  received: GroupMessages,
): void {
  if (!askedBy(parts, hosted, silent).has(peer)) return count(parts, 'not-member')
  learnCommitted(parts, hosted, received)
  learnRemoved(parts, hosted)
}

/**
 * Answers who asked where this replica is. What is being written counts as well, and the answer leaves after it: a vote
 * that was given to the asker's former life must be in it.
 */
export function answerAsked(parts: HostParts, hosted: HostedGroup): void {
  for (const [peer, nonce] of hosted.asked) {
    const { node, applied } = hosted
    const { config } = node.raft.tracker
    const rejoinAnswer: RejoinAnswer = {
      nonce,
      term: node.term,
      lastIndex: node.role === 'leader' ? node.raft.log.lastIndex() : 0,
      applied,
      voters: config.voters,
      votersOutgoing: config.votersOutgoing,
      wiped: hosted.rejoin !== undefined,
    }
    if (hosted.lastStep === undefined) sendAnswer(parts, hosted, peer, rejoinAnswer)
    else hosted.lastStep.answers.push({ peer, rejoinAnswer })
  }
  hosted.asked.clear()
}

export function sendAnswer(
  parts: HostParts,
  hosted: HostedGroup,
  peer: number,
  rejoinAnswer: RejoinAnswer,
): void {
  if (parts.peersUp.has(peer)) parts.outbox.addNotes(peer, 0, hosted.instance, { rejoinAnswer })
}

function answered(
  parts: HostParts,
  hosted: HostedGroup,
  silent: Silent,
  peer: number,
  answer: RejoinAnswer,
): void {
  if (answer.nonce !== parts.clocks.liveness.incarnation) return count(parts, 'answer-to-another-life')
  if (!askedBy(parts, hosted, silent).has(peer)) return count(parts, 'not-member')
  if (!isSane(answer)) return count(parts, 'answer-malformed')
  silent.answers.set(peer, answer)
  const point = rejoinPoint(silent.answers, newestConfig(hosted, silent), parts.settings.self)
  if (point === undefined) return
  // Both in one batch: a term without the point would make it a voter like any other at the next start.
  hosted.rejoin = { phase: 'catching-up', ...point }
  parts.writes.addOps([rejoinOp(hosted.instance, point)])
  hosted.node.rejoin(point.term)
  parts.dirty.add(hosted)
}

/**
 * Known when every other voter has answered, a quorum of them with whole disks, and one of these leads in the highest of
 * their terms.
 */
export function rejoinPoint(
  answers: ReadonlyMap<number, RejoinAnswer>,
  voters: Voters,
  self: number,
): RejoinPoint | undefined {
  const others = namedIn(voters).filter(voter => voter !== self)
  if (!others.every(other => answers.has(other))) return undefined
  const isWhole = (voter: number): boolean => answers.get(voter)?.wiped === false
  if (others.length === 0 || !hasQuorum(voters, isWhole)) return undefined
  const given = others.filter(isWhole).map(other => answers.get(other)!)
  const term = Math.max(...given.map(answer => answer.term))
  const leader = given.find(answer => answer.term === term && answer.lastIndex > 0)
  return leader && { term, index: leader.lastIndex }
}

/** As the one knows them who has applied most of those that answered; where no voter leaves, nobody has to be believed. */
function newestConfig({ node, keepsVoters }: HostedGroup, { answers }: Silent): Voters {
  let newest: Voters = node.raft.tracker.config
  if (keepsVoters) return newest
  let applied = -1
  for (const answer of answers.values()) {
    if (answer.applied <= applied) continue
    newest = answer
    applied = answer.applied
  }
  return newest
}

function othersOf(parts: HostParts, hosted: HostedGroup, silent: Silent): number[] {
  return namedIn(newestConfig(hosted, silent)).filter(voter => voter !== parts.settings.self)
}

/** Also those who may know of members that this replica, which has nothing but the group's beginning, does not know. */
function askedBy(parts: HostParts, hosted: HostedGroup, silent: Silent): Set<number> {
  const begun = namedIn(hosted.node.raft.tracker.config)
  const asked = new Set([...begun, ...hosted.introduced, ...othersOf(parts, hosted, silent)])
  asked.delete(parts.settings.self)
  return asked
}

function namedIn({ voters, votersOutgoing }: Voters): number[] {
  return [...new Set([...voters, ...votersOutgoing])]
}

/** The log is on the disk up to this entry. */
export function heldDurably(parts: HostParts, hosted: HostedGroup, index: number, term: number): void {
  const { rejoin } = hosted
  if (rejoin?.phase !== 'catching-up' || !hasCaughtUp(rejoin, index, term)) return
  hosted.rejoin = undefined
  hosted.node.raft.abstains = false
  parts.rejoining.delete(hosted)
  // Should it be lost, the next life abstains for a moment longer.
  parts.writes.addOps([rejoinedOp(hosted.instance)])
  count(parts, 'rejoined')
}

export function hasCaughtUp(point: RejoinPoint, index: number, term: number): boolean {
  return term > point.term || index >= point.index
}

export function rejoinStatus(parts: HostParts, hosted: HostedGroup): RejoinStatus | undefined {
  const { rejoin, log } = hosted
  if (rejoin === undefined) return undefined
  if (rejoin.phase === 'catching-up')
    return { phase: rejoin.phase, waitsFor: [], index: log.lastIndex(), goal: rejoin.index }
  const waitsFor = othersOf(parts, hosted, rejoin).filter(other => !rejoin.answers.has(other))
  return { phase: rejoin.phase, waitsFor, index: 0, goal: 0 }
}

function isSane({ term, lastIndex, applied, voters, votersOutgoing }: RejoinAnswer): boolean {
  const numbers = [term, lastIndex, applied, ...voters, ...votersOutgoing]
  return numbers.length <= MAX_NUMBERS && numbers.every(number => Number.isSafeInteger(number) && number >= 0)
}
