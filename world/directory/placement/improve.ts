import { type Choice, choose, type Wish } from './candidates.ts'
import { clashes, costMs, distanceMs, isWorthMoving, leadCostMs, mayLead } from './cost.ts'
import { leadersFirst, orderOf, staying, swapped, without } from './draft.ts'
import { BALANCE_PERCENT, BALANCE_SHARE, CALM_TICKS, GROWTH_CALM_TICKS, MIN_VOTERS } from './limits.ts'
import { votersWanted } from './quorum.ts'
import type { Round } from './round.ts'
import type { AuthorityFacts, Lead, Order } from './types.ts'

/** Takes load from a node that has too much: observers and extra voters go first, whether somebody can take them or not. */
export function relief(round: Round, authority: AuthorityFacts): Order | undefined {
  const { voters, learners } = authority
  const pressed = learners.find(learner => round.stays(learner) && round.isPressed(learner))
  if (pressed !== undefined) {
    const rest = without(learners, pressed)
    const next = choose(round, authority, { ...quiet(false, [...voters, ...rest]), except: learners })
    return orderOf(round, authority, 'relief', voters, next === undefined ? rest : [...rest, next.number])
  }
  const place = voters.findLastIndex(
    (voter, i) => round.isPressed(voter) && (i >= MIN_VOTERS || round.isHardPressed(voter)),
  )
  if (place < 0) return undefined
  const out = voters[place]!
  const next = instead(round, authority, out)
  if (next !== undefined) return swapped(round, authority, 'relief', out, next.number)
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
    const choice = choose(round, authority, { ...quiet(false, [...voters, ...next]), except: learners })
    if (choice === undefined) break
    next.push(choice.number)
  }
  if (next.length === learners.length && next.every(each => learners.includes(each))) return undefined
  return orderOf(round, authority, 'growth', voters, next)
}

/** Two members of one operator, or on one host, are parted where somebody else can be had: voters first. */
export function spread(round: Round, authority: AuthorityFacts): Order | undefined {
  if (!isCalm(round, authority)) return undefined
  const { voters, learners } = authority
  for (const voter of voters) {
    const next = unlike(round, authority, voter, quiet(true, without(voters, voter)))
    if (next !== undefined) return swapped(round, authority, 'spread', voter, next)
  }
  for (const learner of learners) {
    const rest = without(learners, learner)
    const wish = { ...quiet(false, [...voters, ...rest]), except: learners }
    const next = unlike(round, authority, learner, wish)
    if (next !== undefined) return orderOf(round, authority, 'spread', voters, [...rest, next])
  }
  return undefined
}

/** Who clashes less with those beside a member than it does itself. */
function unlike(round: Round, authority: AuthorityFacts, member: number, wish: Wish): number | undefined {
  const now = clashes(round.facts, member, wish.beside)
  if (now === 0) return undefined
  const next = choose(round, authority, wish)
  return next !== undefined && next.clashes < now ? next.number : undefined
}

/** The voter that is farthest from the players gives way to one that is much nearer. */
export function nearness(round: Round, authority: AuthorityFacts): Order | undefined {
  const { voters } = authority
  const far = (voter: number): number => distanceMs(round.facts, authority, voter)
  const { number, value } = worst(voters, far)
  if (!isCalm(round, authority) || !isWorthMoving(value, 0)) return undefined
  const next = instead(round, authority, number)
  if (next === undefined || !isWorthMoving(value, far(next.number))) return undefined
  if (next.costMs >= costMs(round, authority, number, 0)) return undefined
  return swapped(round, authority, 'nearness', number, next.number)
}

/** The voter whose node is the most used gives way to one that has much more room, where it is not too small to matter. */
export function balance(round: Round, authority: AuthorityFacts): Order | undefined {
  const { kind, voters, weight } = authority
  if (kind === 'directory') return undefined // rests on its members' trust, and moves for no load
  const { number, value } = worst(voters, voter => round.usedPercent(voter, 0))
  if (!isCalm(round, authority) || value < BALANCE_PERCENT || !round.isCalm(number)) return undefined
  if (weight * BALANCE_SHARE < round.facts.node(number)!.capacity) return undefined
  const next = instead(round, authority, number)
  if (next === undefined || value - round.usedPercent(next.number, weight) < BALANCE_PERCENT) return undefined
  if (next.costMs >= costMs(round, authority, number, 0)) return undefined
  return swapped(round, authority, 'balance', number, next.number)
}

/** Who could take a voter's place, and stands no worse beside the others. */
function instead(round: Round, authority: AuthorityFacts, voter: number): Choice | undefined {
  const rest = without(authority.voters, voter)
  const next = choose(round, authority, quiet(true, rest))
  return next !== undefined && next.clashes <= clashes(round.facts, voter, rest) ? next : undefined
}

/** Leadership goes where it costs least, and away at once from whoever should not have it. */
export function lead(round: Round, authority: AuthorityFacts): Lead | undefined {
  const { group, voters } = authority
  const costs = new Map(voters.map(voter => [voter, leadCostMs(round, authority, voter)]))
  const cost = (voter: number): number => costs.get(voter)!
  const ranked = leadersFirst(
    round,
    [...voters].sort((a, b) => cost(a) - cost(b) || a - b),
  )
  const [now, best] = [voters[0]!, ranked[0]!]
  if (best === now || !mayLead(round, best)) return undefined
  const isBetter = isCalm(round, authority) && isWorthMoving(cost(now), cost(best))
  return isBetter || !mayLead(round, now) ? { kind: 'lead', group, voters: ranked } : undefined
}

function quiet(votes: boolean, beside: readonly number[]): Wish {
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
