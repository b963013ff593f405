import type { Ask } from '../message.ts'
import { leaderOf } from '../new-view.ts'
import { askOthers, canTakePart, mayVote, reachesQuorum } from './amnesia.ts'
import { type Env, isFrozen, isMember, type MemberState, peersOf, quorumOf } from './state.ts'
import { takeAlong } from './taking-along.ts'
import { changesFor, changeView, hasGoneBeyond } from './view-change.ts'
import { candidate, hasLease, vote } from './voting.ts'

/** Certificates in one answer. */
const maxAnswer = 16
const maxActivations = 8

/** Something is under way: the clock matters, and what was said may have to be said again. */
export function isWaiting(state: MemberState, env: Env): boolean {
  if (state.halted || !isMember(state, env.self)) return false
  const isSilent = isFrozen(state) || !mayVote(state) || state.unsaid !== undefined
  return isSilent || state.changes.size > 0 || candidate(state) !== undefined
}

/** Called while `isWaiting`, every now and then. */
export function tick(state: MemberState, env: Env): void {
  const nowMs = env.nowMs()
  vote(state, env)
  watchProgress(state, env, nowMs)
  // It may have voted in this view and not know it any more: now that its replica has come along, it is of use in the next one.
  if (!mayVote(state) && candidate(state) !== undefined) changeView(state, env, state.sign.view + 1)
  takeAlong(state, env, nowMs)
  if (nowMs < state.resendAtMs) return
  state.resendAtMs = nowMs + env.resendMs
  resend(state, env)
}

/**
 * A view is given up when what this replica has executed is not decided in time: what it has not executed, it may itself be
 * the reason of. A view that is to come is given up when a quorum has asked for it and its leader stays silent.
 */
function watchProgress(state: MemberState, env: Env, nowMs: number): void {
  const { sign } = state
  const frozen = isFrozen(state)
  const isDue = frozen ? changesFor(state, sign.frozenTo) >= quorumOf(state) : candidate(state) !== undefined
  if (!isDue || !reachesQuorum(state, env)) {
    state.deadlineMs = undefined
    return
  }
  state.deadlineMs = Math.min(state.deadlineMs ?? Number.POSITIVE_INFINITY, nowMs + patienceMs(state, env))
  if (nowMs < state.deadlineMs) return
  state.deadlineMs = undefined
  // Without a lease nobody may decide, and another leader would not help.
  if (!frozen && !hasLease(state, env)) return
  if (frozen) state.failures++
  changeView(state, env, Math.max(sign.frozenTo, sign.view) + 1)
}

/** A view whose leader is not there, has forgotten what it signed, or waits for a later one, won't be brought about. */
function patienceMs(state: MemberState, env: Env): number {
  const { frozenTo } = state.sign
  const leader = leaderOf(state.regime, frozenTo)
  const willLead = canTakePart(state, env, leader) && !hasGoneBeyond(state, frozenTo, leader)
  return isFrozen(state) && !willLead ? env.resendMs : env.progressMs(state.failures)
}

function resend(state: MemberState, env: Env): void {
  const { group, tip, sign } = state
  const peers = peersOf(state, env.self)
  for (const signed of state.ownVotes) {
    const { ballot } = signed.statement
    if (ballot.height > tip.height && ballot.view === sign.view)
      env.out.send(group, peers, { type: 'statement', signed })
  }
  for (const viewChange of state.ownChanges) {
    if (viewChange.signed.statement.view > sign.view)
      env.out.send(group, peers, { type: 'view-change', viewChange })
  }
  askAll(state, env)
  askOthers(state, env)
}

export function askAll(state: MemberState, env: Env): void {
  askThese(state, env, peersOf(state, env.self))
}

export function askThese(state: MemberState, env: Env, nodes: readonly number[]): void {
  env.out.send(state.group, nodes, { type: 'ask', ask: whereabouts(state) })
}

function whereabouts({ sign, tip }: MemberState): Ask {
  return { epoch: sign.epoch, view: sign.view, height: tip.height }
}

/** `peer` has said something that this member lacks the past of. */
export function askPeer(state: MemberState, env: Env, peer: number): void {
  if (isQuiet(state, env, `ask ${peer}`)) return
  env.out.send(state.group, [peer], { type: 'ask', ask: whereabouts(state) })
}

/** Whether the same was done for this peer a moment ago: what one peer asks for again and again costs little. */
export function isQuiet(state: MemberState, env: Env, what: string): boolean {
  const nowMs = env.nowMs()
  if (nowMs < (state.quietUntilMs.get(what) ?? 0)) return true
  state.quietUntilMs.set(what, nowMs + env.resendMs / 2)
  return false
}

/** The peer is heard again: what was said to it before may be lost, and is no reason to be quiet. */
export function endQuiet({ quietUntilMs }: MemberState, peer: number): void {
  for (const what of ['ask', 'answer', 'view']) quietUntilMs.delete(`${what} ${peer}`)
}

/** Everything that it sends proves itself, so that it does not matter who asks. */
export function answerAsk(state: MemberState, env: Env, peer: number, ask: Ask): void {
  const { sign, tip, group, certificates } = state
  const isAhead = sign.epoch > ask.epoch || tip.height > ask.height || sign.view > ask.view
  if (!isAhead || isQuiet(state, env, `answer ${peer}`)) return
  for (let epoch = ask.epoch + 1; epoch <= Math.min(sign.epoch, ask.epoch + maxActivations); epoch++) {
    const certificate = state.activations.get(epoch)
    if (certificate !== undefined) env.out.send(group, [peer], { type: 'certificate', certificate })
  }
  if (ask.epoch !== sign.epoch) return
  if (ask.view < sign.view && state.newView !== undefined) {
    env.out.send(group, [peer], { type: 'new-view', newView: state.newView })
  }
  const missing = [...certificates.keys()].filter(height => height > ask.height).sort((a, b) => a - b)
  const heights = new Set([...missing.slice(0, maxAnswer), ...missing.slice(-1)])
  for (const height of heights) {
    env.out.send(group, [peer], { type: 'certificate', certificate: certificates.get(height)! })
  }
}
