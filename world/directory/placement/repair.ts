import { type Choice, choose } from './candidates.ts'
import { orderOf, staying, without } from './draft.ts'
import { newcomersOf } from './facts.ts'
import { MIN_VOTERS } from './limits.ts'
import { newcomersAllowed, votersWanted } from './quorum.ts'
import { isStuck } from './reach.ts'
import type { Round } from './round.ts'
import type { AuthorityFacts, Order } from './types.ts'

/** Who holds an authority that nobody holds: all of them at once, since nobody has to come along. */
export function founding(round: Round, authority: AuthorityFacts): Order | undefined {
  const wanted = votersWanted(round.policy.replicas, round.trusted)
  const voters: number[] = []
  while (voters.length < wanted) {
    const next = chosen(round, authority, voters, [], voters.length < MIN_VOTERS)
    if (next === undefined) break
    voters.push(next.number)
  }
  return orderOf(round, authority, 'founding', voters, [])
}

/** Who holds an authority that lost its quorum: of these who hold it so many as fit, and others, who have it from them. */
export function reforming(
  round: Round,
  authority: AuthorityFacts,
  holders: readonly number[],
): Order | undefined {
  return founding(round, { ...authority, voters: [], learners: holders, pending: undefined })
}

/** What keeps it safe, and can't wait: members that are dead or leave, too few members, an order that will not be done. */
export function repair(round: Round, authority: AuthorityFacts): Order | undefined {
  const except = isStuck(round, authority) ? newcomersOf(authority) : []
  return (
    replaced(round, authority, except) ??
    filledUp(round, authority, except) ??
    takenBack(round, authority, except)
  )
}

/**
 * Members that are silent or gone give way to others, then those that leave. Who is only silent keeps its place where nobody
 * can take it, unless there are more voters than wanted: it may be back any time, and is one more whose loss can be borne then.
 */
function replaced(round: Round, authority: AuthorityFacts, except: readonly number[]): Order | undefined {
  const { voters, learners } = authority
  const leaving = voters.filter(voter => !round.stays(voter))
  const dead = leaving.filter(voter => !round.isHeard(voter))
  let next = voters
  for (const out of [...dead, ...without(leaving, ...dead)].slice(0, newcomersAllowed(voters.length))) {
    const rest = without(next, out)
    const choice = chosen(round, authority, rest, except, true)
    if (choice !== undefined) next = [...rest, choice.number]
    else if (rest.length >= fewestVoters(round, out)) next = rest
  }
  if (next === voters) return undefined
  return orderOf(round, authority, 'repair', next, without(staying(round, learners), ...next))
}

/** With how many others an authority goes on without a voter for whom there is nobody. */
function fewestVoters(round: Round, out: number): number {
  const isOnlySilent = round.facts.node(out)?.facts.status === 'active'
  return isOnlySilent ? Math.max(MIN_VOTERS, round.policy.replicas) : MIN_VOTERS
}

function filledUp(round: Round, authority: AuthorityFacts, except: readonly number[]): Order | undefined {
  const { voters, learners } = authority
  if (voters.length >= MIN_VOTERS) return undefined
  const choice = chosen(round, authority, voters, except, true)
  if (choice === undefined) return undefined
  const rest = without(staying(round, learners), choice.number)
  return orderOf(round, authority, 'repair', [...voters, choice.number], rest)
}

/** An order that will not be done is taken back, so that another change can come. */
function takenBack(round: Round, authority: AuthorityFacts, except: readonly number[]): Order | undefined {
  if (except.length === 0 && !isStuck(round, authority)) return undefined
  return orderOf(round, authority, 'repair', authority.voters, staying(round, authority.learners))
}

function chosen(
  round: Round,
  authority: AuthorityFacts,
  beside: readonly number[],
  except: readonly number[],
  isUrgent: boolean,
): Choice | undefined {
  return choose(round, authority, { votes: true, isUrgent, beside, except })
}
