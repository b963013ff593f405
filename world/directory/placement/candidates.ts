import { clashes, costMs } from './cost.ts'
import type { Candidate, PlacementFacts } from './facts.ts'
import {
  ALL_ARE_CANDIDATES,
  LEADER_TRUST,
  MAX_NEAR,
  SAMPLE_OPERATORS,
  SAMPLE_PER_OPERATOR,
  SAMPLE_TRIES,
} from './limits.ts'
import type { Round } from './round.ts'
import { ascending } from './sorted.ts'
import type { AuthorityFacts } from './types.ts'

export interface Wish {
  readonly votes: boolean
  /** Somebody has to take it: also one that has just come, or has only room beyond its bound. */
  readonly isUrgent: boolean
  /** The members beside whom it would stand. */
  readonly beside: readonly number[]
  /** Nobody of these. */
  readonly except: readonly number[]
}

export interface Choice {
  readonly number: number
  readonly clashes: number
  readonly costMs: number
}

interface Ranked extends Choice {
  readonly isReady: boolean
}

/** Who should be a member next: whoever clashes least, then, when it is urgent, an observer (it has the state), then the cheapest. */
export function choose(round: Round, authority: AuthorityFacts, wish: Wish): Choice | undefined {
  let best: Ranked | undefined
  for (const number of pool(round, authority)) {
    const node = round.facts.node(number)
    if (node === undefined || wish.beside.includes(number) || wish.except.includes(number)) continue
    const isObserver = authority.learners.includes(number)
    if (!round.mayTake(node, wish, isObserver) || !mayVoteOn(authority, node, wish)) continue
    if (!hasRoom(round, authority, node, wish, isObserver)) continue
    const next = {
      number,
      isReady: isObserver && wish.isUrgent,
      clashes: clashes(round.facts, number, wish.beside),
      costMs: costMs(round, authority, number, isObserver ? 0 : authority.weight),
    }
    if (best === undefined || isBetter(next, best)) best = next
  }
  if (best === undefined || wish.isUrgent || authority.learners.includes(best.number)) return best
  // What is not urgent waits for the best one: whoever took its place would give it up to it later.
  return round.isFetching(best.number) ? undefined : best
}

function isBetter(a: Ranked, b: Ranked): boolean {
  if (a.clashes !== b.clashes) return a.clashes < b.clashes
  if (a.isReady !== b.isReady) return a.isReady
  return a.costMs === b.costMs ? a.number < b.number : a.costMs < b.costMs
}

/** The directory is for those who may lead: who decides there decides about all others. */
function mayVoteOn({ kind }: AuthorityFacts, { facts }: Candidate, { votes }: Wish): boolean {
  return !votes || kind !== 'directory' || facts.trust >= LEADER_TRUST
}

/** What is urgent may fill a node up, once its soft load is gone; what is not leaves an eighth below the bound free. */
function hasRoom(
  round: Round,
  { weight }: AuthorityFacts,
  { facts: { number }, capacity }: Candidate,
  { isUrgent }: Wish,
  hasIt: boolean,
): boolean {
  const used = round.used(number) + (hasIt ? 0 : weight)
  if (isUrgent) return used - round.facts.carried(number).soft + (hasIt ? weight : 0) <= capacity
  return used * 8 <= round.bound(number) * 7
}

/** Who is looked at, ascending: everybody in a small network; in a large one its observers, near ones, and a sample. */
function pool(round: Round, authority: AuthorityFacts): readonly number[] {
  const { facts, tick } = round
  if (facts.nodes.length <= ALL_ARE_CANDIDATES) return facts.nodes
  const found = [...authority.learners]
  for (const gateway of authority.wantedNear.slice(0, MAX_NEAR)) {
    found.push(gateway)
    found.push(...(facts.node(gateway)?.facts.roundTripsMs.keys() ?? []))
  }
  sample(facts, tick, authority, found)
  return ascending(found)
}

/** Nodes of many operators, from a place on that is another one for each authority and tick. */
function sample(facts: PlacementFacts, tick: number, { group }: AuthorityFacts, found: number[]): void {
  const { operators } = facts
  const start = Math.imul(group, 0x9e3779b1) ^ Math.imul(tick, 0x85ebca6b)
  const count = Math.min(operators.length, SAMPLE_OPERATORS)
  for (let i = 0; i < count; i++) {
    const numbers = facts.nodesOf(operators[(((start >>> 0) % operators.length) + i) % operators.length]!)
    const share = Math.max(SAMPLE_PER_OPERATOR, Math.floor(SAMPLE_TRIES / operators.length))
    for (let j = 0; j < Math.min(share, numbers.length); j++)
      found.push(numbers[((start >>> 8) + j) % numbers.length]!)
  }
}
