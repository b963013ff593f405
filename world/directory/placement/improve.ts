import { choose } from './candidates.ts'
import { clashes, costMs, isWorthMoving, leadCostMs, mayLead } from './cost.ts'
import { leadersFirst, orderOf, staying, swapped, without } from './draft.ts'
import { CALM_TICKS, GROWTH_CALM_TICKS, MIN_VOTERS } from './limits.ts'
import { votersWanted } from './quorum.ts'
import type { Round } from './round.ts'
import type { AuthorityFacts, Lead, Order } from './types.ts'

/** Takes load from a node that has too much: observers and extra voters go first, whether somebody can take them or not. */
export function relief(round: Round, authority: AuthorityFacts): Order | undefined {
  const { voters, learners } = authority
  const pressed = learners.find(learner => round.stays(learner) && round.isPressed(learner))
  if (pressed !== undefined) {
    const rest = without(learners, pressed)
    const next = choose(round, authority, quiet(false, [...voters, ...rest]))
    return orderOf(round, authority, 'relief', voters, next === undefined ? rest : [...rest, next.number])
  }
  const place = voters.findLastIndex(
    (voter, i) => round.isPressed(voter) && (i >= MIN_VOTERS || round.isHardPressed(voter)),
  )
  if (place < 0) return undefined
  const out = voters[place]!
  const next = choose(round, authority, quiet(true, without(voters, out)))
  if (next !== undefined && next.clashes <= clashes(round.facts, out, voters))
    return swapped(round, authority, 'relief', out, next.number)
  if (voters.length === MIN_VOTERS) return undefined
  return orderOf(round, authority, 'relief', without(voters, out), learners)
}

/** Extra voters one by one, then observers; and observers that are gone give way. */
export function growth(round: Round, authority: AuthorityFacts): Order | undefined {
  const { voters, learners, sinceTick } = authority
  if (round.tick - sinceTick < GROWTH_CALM_TICKS) return undefined
  if (voters.length < votersWanted(round.policy.replicas, round.trusted)) {
    const next = choose(round, authority, quiet(true, voters))
    if (next !== undefined)
      return orderOf(
        round,
        authority,
        'growth',
        [...voters, next.number],
        without(staying(round, learners), next.number),
      )
  }
  const next = [...staying(round, learners)].slice(0, round.policy.observers)
  while (next.length < round.policy.observers) {
    const choice = choose(round, authority, quiet(false, [...voters, ...next, ...learners]))
    if (choice === undefined) break
    next.push(choice.number)
  }
  if (next.length === learners.length && next.every(each => learners.includes(each))) return undefined
  return orderOf(round, authority, 'growth', voters, next)
}

/** Two members of one operator, or on one host, are parted where somebody else can be had. */
export function spread(round: Round, authority: AuthorityFacts): Order | undefined {
  const { facts } = round
  const { voters, learners } = authority
  if (!isCalm(round, authority)) return undefined
  const members = [...voters, ...learners]
  const worstVoter = worst(voters, voter => clashes(facts, voter, voters))
  if (worstVoter.value > 0) {
    const next = choose(round, authority, quiet(true, without(voters, worstVoter.number)))
    if (next !== undefined && next.clashes < worstVoter.value)
      return swapped(round, authority, 'spread', worstVoter.number, next.number)
  }
  const worstLearner = worst(learners, learner => clashes(facts, learner, members))
  if (worstLearner.value === 0) return undefined
  const next = choose(round, authority, {
    ...quiet(false, without(members, worstLearner.number)),
    except: learners,
  })
  if (next === undefined || next.clashes >= worstLearner.value) return undefined
  const rest = without(learners, worstLearner.number)
  return orderOf(round, authority, 'spread', voters, [...rest, next.number])
}

/** The costliest voter gives way to somebody who is much nearer, or has much less to do. */
export function nearness(round: Round, authority: AuthorityFacts): Order | undefined {
  const { voters } = authority
  if (!isCalm(round, authority)) return undefined
  const { number, value } = worst(voters, voter => costMs(round, authority, voter, 0))
  const next = choose(round, authority, quiet(true, without(voters, number)))
  if (next === undefined || next.clashes > clashes(round.facts, number, voters)) return undefined
  return isWorthMoving(value, next.costMs)
    ? swapped(round, authority, 'nearness', number, next.number)
    : undefined
}

/** Leadership goes where it costs least, and away at once from whoever should not have it. */
export function lead(round: Round, authority: AuthorityFacts): Lead | undefined {
  const { group, voters } = authority
  const cost = (voter: number): number => leadCostMs(round, authority, voter)
  const byCost = [...voters].sort((a, b) => cost(a) - cost(b) || a - b)
  const ranked = leadersFirst(round, byCost)
  const [now, best] = [voters[0]!, ranked[0]!]
  if (best === now || !mayLead(round, best)) return undefined
  const isBetter = isCalm(round, authority) && isWorthMoving(cost(now), cost(best))
  return isBetter || !mayLead(round, now) ? { kind: 'lead', group, voters: ranked } : undefined
}

function quiet(votes: boolean, beside: readonly number[]) {
  return { votes, isUrgent: false, beside, except: [] }
}

function isCalm({ tick }: Round, { sinceTick }: AuthorityFacts): boolean {
  return tick - sinceTick >= CALM_TICKS
}

function worst(
  members: readonly number[],
  of: (member: number) => number,
): { number: number; value: number } {
  let found = { number: 0, value: 0 }
  for (const number of members) {
    const value = of(number)
    if (value > found.value) found = { number, value }
  }
  return found
}
