import type { PlacementFacts } from './facts.ts'
import { balance, growth, lead, nearness, relief, spread } from './improve.ts'
import {
  FRESH_TICKS,
  MAX_GROWTHS,
  MAX_MOVES,
  MAX_RELIEFS,
  MAX_REPAIRS,
  RELIEF_LOOKS,
  REPAIR_LOOKS,
  ROUND_LOOKS,
} from './limits.ts'
import { hasQuorum, isStuck, lossOf } from './reach.ts'
import { founding, repair } from './repair.ts'
import { Round } from './round.ts'
import { ascending, turn } from './sorted.ts'
import type { AuthorityFacts, Decision, Order, PlacementPolicy } from './types.ts'

/**
 * What is to change among the members of the authorities, decided from the facts alone: the same facts, policy and tick
 * give the same decisions in the same order on every replica. At most one for each authority. Before the next tick the
 * rules write down what was decided: of an order the `pending` (of a founding at once the members), the `sinceTick`, and
 * the `movedTick` of those who come and go; of a `lead` the voters and the `sinceTick`; of a `lost` its holders, which a
 * `found` ends. The work of one tick is bounded (limits.ts).
 */
export function place(facts: PlacementFacts, policy: PlacementPolicy, tick: number): Decision[] {
  const round = new Round(facts, policy, tick)
  const decisions = new Decisions(round)
  const failing = groupsOf(facts, round.failing)
  for (const group of failing) decisions.lose(facts.authority(group)!)
  for (const group of turn(ascending([...failing, ...facts.thin]), tick, REPAIR_LOOKS))
    decisions.look(facts.authority(group)!)
  for (const group of turn(groupsOf(facts, round.pressed), tick, RELIEF_LOOKS))
    decisions.look(facts.authority(group)!)
  for (const group of turn(facts.groups, tick, ROUND_LOOKS)) decisions.look(facts.authority(group)!)
  return decisions.made
}

function groupsOf(facts: PlacementFacts, nodes: readonly number[]): readonly number[] {
  return nodes.length === 0 ? [] : ascending(nodes.flatMap(number => facts.carried(number).groups))
}

/** The decisions of one tick, and what is left of its limits. */
class Decisions {
  readonly made: Decision[] = []
  readonly #round: Round
  readonly #done = new Set<number>()
  readonly #left = { repair: MAX_REPAIRS, relief: MAX_RELIEFS, growth: MAX_GROWTHS, move: MAX_MOVES }

  constructor(round: Round) {
    this.#round = round
  }

  /** Says of an authority that it is lost, or is not any more. */
  lose(authority: AuthorityFacts): void {
    const loss = lossOf(this.#round, authority)
    if (loss === undefined) return
    this.#done.add(authority.group)
    this.made.push(loss)
  }

  look(authority: AuthorityFacts): void {
    if (this.#done.has(authority.group)) return
    this.lose(authority)
    if (this.#done.has(authority.group)) return
    this.#done.add(authority.group)
    const decision = this.#decide(authority)
    if (decision === undefined) return
    if (decision.kind === 'order') this.#account(authority, decision)
    this.made.push(decision)
  }

  #decide(authority: AuthorityFacts): Decision | undefined {
    const round = this.#round
    const { voters, pending, lost } = authority
    if (voters.length === 0)
      return this.#within('repair', pending === undefined ? founding : never, authority)
    // One change at a time: the next one when the last is done.
    if (pending !== undefined && !isStuck(round, authority)) return undefined
    if (lost !== undefined || !hasQuorum(round, voters)) return undefined
    const repaired = this.#within('repair', repair, authority)
    if (repaired !== undefined || pending !== undefined) return repaired
    // Should one of them be dead, then the repair must find no other change under way.
    if (!voters.every(voter => round.isHeard(voter, FRESH_TICKS))) return undefined
    return (
      this.#within('relief', relief, authority) ??
      this.#within('growth', growth, authority) ??
      this.#within('move', spread, authority) ??
      this.#within('move', nearness, authority) ??
      this.#within('move', balance, authority) ??
      this.#within('move', lead, authority)
    )
  }

  #within<T extends Decision>(
    limit: 'repair' | 'relief' | 'growth' | 'move',
    step: (round: Round, authority: AuthorityFacts) => T | undefined,
    authority: AuthorityFacts,
  ): T | undefined {
    if (this.#left[limit] === 0) return undefined
    const decision = step(this.#round, authority)
    if (decision !== undefined) this.#left[limit] -= 1
    return decision
  }

  #account({ voters, learners, weight }: AuthorityFacts, order: Order): void {
    const were = [...voters, ...learners]
    const are = [...order.voters, ...order.learners]
    for (const number of are) if (!were.includes(number)) this.#round.give(number, weight)
    for (const number of were) if (!are.includes(number)) this.#round.take(number, weight)
  }
}

function never(): undefined {
  return undefined
}
