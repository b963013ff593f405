import { canTakePart } from './amnesia.ts'
import { type Env, isFrozen, type MemberState, quorumOf } from './state.ts'
import { changeView } from './view-change.ts'

/** A member that gave the view up alone is taken along after so many rounds in which everything is said again. */
const roundsAlone = 60

/** Members that have signed view changes to views above the present one, and can take part there. */
function goneOnes(state: MemberState, env: Env): number[] {
  const signers = new Set<number>()
  for (const [view, changes] of state.changes) {
    if (view > state.sign.view) for (const signer of changes.keys()) signers.add(signer)
  }
  return [...signers].filter(signer => signer !== env.self && canTakePart(state, env, signer))
}

/**
 * A member that gave a view up votes in it no more. When those that are left can't decide without it, or when it has waited
 * for long, this one goes to the next view too. Never further: that a member has signed for no view but the one after one
 * that a quorum had asked for is what a node that forgets relies on (`amnesia.ts`).
 */
export function takeAlong(state: MemberState, env: Env, nowMs: number): void {
  const gone = isFrozen(state) ? [] : goneOnes(state, env)
  if (gone.length === 0) {
    state.aloneSinceMs = undefined
    return
  }
  state.aloneSinceMs ??= nowMs
  const rounds = isNeeded(state, env, gone) ? 1 : roundsAlone
  if (nowMs - state.aloneSinceMs < rounds * env.resendMs) return
  state.aloneSinceMs = undefined
  changeView(state, env, state.sign.view + 1)
}

function isNeeded(state: MemberState, env: Env, gone: readonly number[]): boolean {
  const there = state.regime.members.filter(({ node }) => canTakePart(state, env, node)).length
  return there >= quorumOf(state) && there - gone.length < quorumOf(state)
}
