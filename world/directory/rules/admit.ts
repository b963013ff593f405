import { type Verdict, verdict } from '../../rules/verdict.ts'
import { endorsementMessage } from '../charter.ts'
import { MAX_SPONSORED } from '../limits.ts'
import { countInvalid } from '../reputation.ts'
import { type DirectoryState, keysOf } from '../state.ts'
import type { NodeFacts, NodeRecord } from '../types.ts'
import { addNode } from './nodes.ts'

/** A node brings another one in. The outcome's value: the new one's number, or that of the node in its way. */
export function admit(state: DirectoryState, sponsor: NodeRecord, facts: NodeFacts): Verdict {
  if (state.policy.admission !== 'open') return verdict('not-open')
  if (sponsor.status !== 'active') return verdict('not-open')
  if (!isEndorsed(state, facts)) {
    const presence = state.presence(sponsor.number)
    countInvalid(presence)
    state.setPresence(sponsor.number, presence)
    return verdict('bad-endorsement')
  }
  if (!sponsor.isVouched && sponsoredBy(state, sponsor) >= MAX_SPONSORED)
    return verdict('too-many-nodes', MAX_SPONSORED)
  return addNode(state, facts, { isVouched: false, sponsor: sponsor.number })
}

/** The identity says that the other keys are its own, and no two are the same. */
export function isEndorsed(state: DirectoryState, facts: NodeFacts): boolean {
  const keys = keysOf(facts).map(key => String.fromCharCode(...key))
  const message = endorsementMessage(state.charter.network, facts)
  return (
    new Set(keys).size === keys.length &&
    state.host.verifySignature(facts.identity, message, facts.endorsement)
  )
}

function sponsoredBy(state: DirectoryState, { number }: NodeRecord): number {
  let count = 0
  for (const { sponsor, status } of state.nodes.rows())
    if (sponsor === number && status !== 'retired') count++
  return count
}
