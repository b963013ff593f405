import { type ConfState, EMPTY_CONF_STATE, MAX_NODE_ID } from '../types.ts'
import { type ChangeBase, type ChangeResult, enterJoint, simpleChange } from './changer.ts'
import type { SingleChange } from './conf-change.ts'

/** More members than this in one list are refused. */
export const MAX_MEMBERS = 64

/**
 * Members as of a configuration that was stored or sent, or undefined when no sequence of changes leads to it.
 * A joint configuration is rebuilt by adding its outgoing voters and then entering the joint state from there.
 */
export function restoreConfig(
  confState: ConfState,
  lastIndex: number,
  maxInflightMessages: number,
  maxInflightBytes: number,
): Extract<ChangeResult, { ok: true }> | undefined {
  if (!isWellFormed(confState)) return undefined
  const incoming: SingleChange[] = [
    ...changes('remove', confState.votersOutgoing),
    ...changes('add-voter', confState.voters),
    ...changes('add-learner', confState.learners),
    ...changes('add-learner', confState.learnersNext),
  ]
  const joint = confState.votersOutgoing.length > 0
  const limits = { lastIndex, maxInflightMessages, maxInflightBytes }
  let base: ChangeBase = { config: EMPTY_CONF_STATE, members: [], ...limits }
  for (const change of joint ? changes('add-voter', confState.votersOutgoing) : incoming) {
    const result = simpleChange(base, [change])
    if (!result.ok) return undefined
    base = { ...limits, config: result.config, members: result.members }
  }
  const result: ChangeResult = joint
    ? enterJoint(base, confState.autoLeave, incoming)
    : { ok: true, config: base.config, members: base.members }
  return result.ok && sameConfig(result.config, confState) ? result : undefined
}

export function isWellFormed(confState: ConfState): boolean {
  if (typeof confState !== 'object' || confState === null || typeof confState.autoLeave !== 'boolean')
    return false
  const { voters, learners, votersOutgoing, learnersNext } = confState
  return [voters, learners, votersOutgoing, learnersNext].every(isIdList)
}

function isIdList(ids: readonly number[]): boolean {
  if (!Array.isArray(ids) || ids.length > MAX_MEMBERS || new Set(ids).size !== ids.length) return false
  return ids.every(id => Number.isSafeInteger(id) && id >= 1 && id <= MAX_NODE_ID)
}

function changes(type: SingleChange['type'], ids: readonly number[]): SingleChange[] {
  return ids.map(nodeId => ({ type, nodeId }))
}

function sameConfig(a: ConfState, b: ConfState): boolean {
  return (
    a.autoLeave === b.autoLeave &&
    sameIds(a.voters, b.voters) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.votersOutgoing, b.votersOutgoing) &&
    sameIds(a.learnersNext, b.learnersNext)
  )
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every(id => b.includes(id))
}
