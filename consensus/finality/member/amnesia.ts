import type { Recalled } from '../message.ts'
import { type Ballot, compareBallots } from '../statement.ts'
import { type Env, highestOf, isMember, type MemberState, peersOf, quorumOf, remember } from './state.ts'

/** It asks again as often as everything is said again. */
const believedAsks = 3
const maxView = 2 ** 32 - 1
/** Above that of any seal. */
const maxHeight = Number.MAX_SAFE_INTEGER

/**
 * A node that may have forgotten what it signed first asks the others. Whatever it has signed in this epoch, it signed
 *   - votes in views that it had entered, for which a quorum had signed view changes, and
 *   - view changes to at most one view above, which report its second votes, each prepared by a quorum.
 * Any q others share an honest member with each of these quorums, so that the highest view and the highest vote among
 * their answers bound all of it: it votes in higher views only, and changes views only when it can report more.
 */
export function mayVote({ sign }: MemberState): boolean {
  const { amnesia, view } = sign
  if (amnesia === undefined) return true
  return !isAsking(amnesia.stage) && view > amnesia.view
}

export function mayChangeView(state: MemberState, target: number): boolean {
  const { amnesia } = state.sign
  if (amnesia === undefined) return true
  const reportsAll = compareBallots(highestOf(state), amnesia.ballot) >= 0
  return !isAsking(amnesia.stage) && target > amnesia.view && reportsAll
}

function isAsking(stage: number): boolean {
  return stage === 1 || stage === 3
}

export function askOthers(state: MemberState, env: Env): void {
  const { amnesia } = state.sign
  if (amnesia === undefined || !isAsking(amnesia.stage)) return
  env.out.send(state.group, peersOf(state, env.self), { type: 'recall', nonce: state.recall.nonce })
}

export function isRecalling({ sign }: MemberState): boolean {
  return sign.amnesia !== undefined && isAsking(sign.amnesia.stage)
}

/** How far this node has gone itself; one that asks that of others says nothing. */
export function answerRecall(state: MemberState, env: Env, peer: number, nonce: number): void {
  if (isMember(state, peer)) state.recallingUntilMs.set(peer, env.nowMs() + believedAsks * env.resendMs)
  if (isRecalling(state) || !isMember(state, env.self)) return
  const recalled: Recalled = { nonce, epoch: state.sign.epoch, ...furthest(state) }
  env.out.send(state.group, [peer], { type: 'recalled', recalled })
}

/**
 * No less than anything that this node has signed. What it forgot were votes in views up to those that it was told of then,
 * at whatever height, and view changes to at most one above.
 */
function furthest({ sign, regime }: MemberState): Pick<Recalled, 'view' | 'ballot'> {
  const ballot = sign.vote1 ?? regime.base
  const { amnesia } = sign
  if (amnesia === undefined) return { view: sign.frozenTo, ballot }
  const forgotten = { ...ballot, view: amnesia.view, height: maxHeight }
  const view = Math.max(sign.frozenTo, Math.min(amnesia.view + 1, maxView))
  return { view, ballot: higherOf(ballot, forgotten) }
}

function higherOf(a: Ballot, b: Ballot): Ballot {
  return compareBallots(a, b) >= 0 ? a : b
}

/** Whether it can be reached, and knows what it has signed: one that does not can neither vote nor lead. */
export function canTakePart(state: MemberState, env: Env, node: number): boolean {
  if (node === env.self) return true
  return env.isReachable(node) && env.nowMs() >= (state.recallingUntilMs.get(node) ?? 0)
}

export function reachesQuorum(state: MemberState, env: Env): boolean {
  return state.regime.members.filter(({ node }) => canTakePart(state, env, node)).length >= quorumOf(state)
}

export function takeRecalled(state: MemberState, env: Env, peer: number, recalled: Recalled): void {
  const { sign, recall } = state
  const { amnesia } = sign
  if (amnesia === undefined || !isAsking(amnesia.stage) || recalled.nonce !== recall.nonce) return
  if (recalled.epoch !== sign.epoch || !isMember(state, peer)) return
  if (recalled.ballot.view > recalled.view) return env.out.count('recalled-impossible')
  recall.answers.set(peer, recalled)
  if (recall.answers.size < quorumOf(state)) return
  const answers = [...recall.answers.values()]
  remember(state, {
    amnesia: {
      stage: amnesia.stage === 1 ? 2 : 4,
      view: Math.max(...answers.map(({ view }) => view)),
      ballot: answers.map(({ ballot }) => ballot).reduce(higherOf),
    },
  })
}

/**
 * A new epoch has begun. In the first one after the answers this node may have voted before those who answered knew of it,
 * so it asks once more; in the next it has not been before. Nor in the first, where none of those who answered had voted for what
 * ended the epoch: had it been certified by then, one of them would have.
 */
export function carryAmnesia(state: MemberState): void {
  const { amnesia } = state.sign
  if (amnesia === undefined) return
  const { base } = state.regime
  const { view, height } = amnesia.ballot
  const isNew = amnesia.stage === 2 && view === 0 && height < base.height
  const stage = isNew ? 0 : ({ 1: 1, 2: 3, 3: 3, 4: 0, 0: 0 } as const)[amnesia.stage]
  state.recall.answers.clear()
  remember(state, { amnesia: stage === 0 ? undefined : { stage, view: 0, ballot: base } })
}
