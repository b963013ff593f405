import { mayLead } from './cost.ts'
import { newcomersAllowed } from './quorum.ts'
import { hasQuorum } from './reach.ts'
import type { Round } from './round.ts'
import { ascending } from './sorted.ts'
import type { AuthorityFacts, Order, Reason } from './types.ts'

/** The order by which these become the members, unless it would not leave a quorum that can be reached and knows the state. */
export function orderOf(
  round: Round,
  authority: AuthorityFacts,
  why: Reason,
  voters: readonly number[],
  learners: readonly number[],
): Order | undefined {
  const { group, voters: now, pending } = authority
  if (voters.length === 0 || !hasQuorum(round, voters)) return undefined
  const newcomers = voters.filter(voter => !now.includes(voter)).length
  if (now.length > 0 && newcomers > newcomersAllowed(voters.length)) return undefined
  return {
    kind: 'order',
    group,
    why,
    voters: leadersFirst(round, voters),
    learners: ascending(learners),
    before: ascending([...now, ...(pending?.voters ?? [])]),
  }
}

/** `out` gives its place to `next`; where that was an observer, the two change places. */
export function swapped(
  round: Round,
  authority: AuthorityFacts,
  why: Reason,
  out: number,
  next: number,
): Order | undefined {
  const voters = authority.voters.map(voter => (voter === out ? next : voter))
  const learners = authority.learners.map(learner => (learner === next ? out : learner))
  return orderOf(round, authority, why, voters, staying(round, learners))
}

export function staying(round: Round, members: readonly number[]): readonly number[] {
  return members.filter(member => round.stays(member))
}

export function without(members: readonly number[], ...gone: readonly number[]): readonly number[] {
  return members.filter(member => !gone.includes(member))
}

/** The same order, but those first who may lead. */
export function leadersFirst(round: Round, voters: readonly number[]): readonly number[] {
  return [...voters.filter(voter => mayLead(round, voter)), ...voters.filter(voter => !mayLead(round, voter))]
}
