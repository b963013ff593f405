import { equalBytes } from '../../../storage/bytes.ts'
import { hashKey } from '../bytes.ts'
import { ballotOf, type Certificate, type Quorum } from '../certificate.ts'
import { type Seal, sealHash } from '../seal.ts'
import type { Signed } from '../signed.ts'
import { type Ballot, compareBallots, statementKind, type Vote } from '../statement.ts'
import { mayVote } from './amnesia.ts'
import { acceptCertificate } from './deciding.ts'
import {
  type Env,
  highestOf,
  isFrozen,
  isMember,
  keepSeal,
  type MemberState,
  maxKept,
  quorumOf,
  remember,
} from './state.ts'
import { changeView } from './view-change.ts'

/** This replica has executed `seal`, committed in the Raft instance of this epoch and view, and has its roots. */
export function executed(state: MemberState, env: Env, epoch: number, view: number, seal: Seal): void {
  const { sign, tip } = state
  if (epoch !== sign.epoch || view !== sign.view || isFrozen(state))
    return env.out.count('executed-older-view')
  const hash = sealHash(seal)
  const decided = state.certificates.get(seal.height)
  if (decided !== undefined && !equalBytes(sealHash(decided.seal), hash)) {
    env.out.diverged.push({ group: state.group, certificate: decided })
    return changeView(state, env, sign.view + 1)
  }
  if (seal.height <= tip.height || seal.height > tip.height + maxKept) return
  keepSeal(state, seal)
  if (state.executed.has(seal.height)) return env.out.count('executed-twice')
  state.executed.set(seal.height, seal)
  for (let older = sign.view; older >= Math.max(0, sign.view - 1); older--) {
    tryDecide(state, env, { view: older, height: seal.height, hash })
  }
}

/** The seal that may be decided next in this view: its base, or the child of a certified one that is it or descends from it. */
export function candidate({ sign, tip, rooted, executed }: MemberState): Seal | undefined {
  if (rooted === undefined) {
    const base = executed.get(sign.base.height)
    return base !== undefined && equalBytes(sealHash(base), sign.base.hash) ? base : undefined
  }
  const child = executed.get(rooted.height + 1)
  if (child === undefined || child.height <= tip.height || child.epoch !== sign.epoch) return undefined
  return equalBytes(child.previous, rooted.hash) ? child : undefined
}

/** Votes for what may be voted for. Called whenever something has changed. */
export function vote(state: MemberState, env: Env): void {
  if (state.halted || isFrozen(state) || !isMember(state, env.self) || !mayVote(state)) return
  repeatSecond(state, env)
  const seal = candidate(state)
  if (seal === undefined) return
  const ballot = { view: state.sign.view, height: seal.height, hash: sealHash(seal) }
  voteFirst(state, ballot)
  voteSecond(state, env, seal, ballot)
}

function voteFirst(state: MemberState, ballot: Ballot): void {
  const { vote1 } = state.sign
  if (vote1 !== undefined && compareBallots(ballot, vote1) <= 0) return
  remember(state, { vote1: ballot })
  state.staged.push({ statement: voteStatement(state, 1, ballot) })
}

function voteSecond(state: MemberState, env: Env, seal: Seal, ballot: Ballot): void {
  const { vote2, epoch, view } = state.sign
  if (vote2 !== undefined && compareBallots(ballot, vote2) <= 0) return
  if (!hasLease(state, env)) return
  const votes = state.tally.quorum(1, ballot, quorumOf(state))
  if (votes === undefined) return
  const prepared: Quorum = { kind: 1, seal, epoch, view, votes }
  const rises = compareBallots(ballot, highestOf(state)) > 0
  remember(state, { vote2: ballot, ...(rises ? { highest: prepared } : {}) })
  state.staged.push({ statement: voteStatement(state, 2, ballot) })
}

/** After a start: it may never have been heard. */
function repeatSecond(state: MemberState, env: Env): void {
  const { unsaid } = state
  if (unsaid === undefined || !hasLease(state, env)) return
  state.unsaid = undefined
  state.staged.push({ statement: voteStatement(state, 2, unsaid) })
}

export function hasLease({ givesLeases }: MemberState, env: Env): boolean {
  return givesLeases || env.nowMs() < env.leaseUntilMs()
}

export function voteStatement({ authority, sign }: MemberState, kind: 1 | 2, ballot: Ballot): Vote {
  return { kind, authority, epoch: sign.epoch, ballot }
}

/** Takes a vote of a member, verified. */
export function takeVote(state: MemberState, env: Env, signed: Signed<Vote>): void {
  const result = state.tally.add(signed)
  if (result !== 'counted') return env.out.count(`vote-${result}`)
  const { kind, ballot } = signed.statement
  if (kind === 2) tryDecide(state, env, ballot)
}

function tryDecide(state: MemberState, env: Env, ballot: Ballot): void {
  const votes = state.tally.quorum(2, ballot, quorumOf(state))
  const seal = votes && state.seals.get(hashKey(ballot.hash))
  if (votes === undefined || seal === undefined || seal.height !== ballot.height) return
  const certificate: Certificate = { kind: 2, seal, epoch: state.sign.epoch, view: ballot.view, votes }
  acceptCertificate(state, env, certificate)
}

/** What the leader of a Raft term proposes, and where. */
export interface Claim {
  readonly epoch: number
  readonly view: number
  readonly term: number
  readonly leaf: number
  readonly hash: Uint8Array
}

/**
 * The leader of a Raft term says what it proposes, so that it can be held to it. Terms are counted in each Raft instance by
 * themselves: what is said of an older one must not be taken for the present one.
 */
export function claim(state: MemberState, env: Env, claimed: Claim): void {
  const { authority, sign } = state
  if (claimed.epoch !== sign.epoch || claimed.view !== sign.view) return env.out.count('claimed-older-view')
  state.staged.push({ statement: { kind: statementKind.content, authority, ...claimed } })
}

/** A quorum that was shown, verified. What it locks nobody has to lock again; what it certifies is decided. */
export function learn(state: MemberState, env: Env, quorum: Quorum): void {
  keepSeal(state, quorum.seal)
  if (quorum.kind === 2) acceptCertificate(state, env, quorum as Certificate)
  else if (compareBallots(ballotOf(quorum), highestOf(state)) > 0 && quorum.epoch === state.sign.epoch) {
    remember(state, { highest: quorum })
  }
}
