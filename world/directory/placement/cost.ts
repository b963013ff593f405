import type { PlacementFacts } from './facts.ts'
import { LEADER_TRUST, MAX_NEAR, UNKNOWN_ROUND_TRIP_MS } from './limits.ts'
import type { Round } from './round.ts'
import type { AuthorityFacts } from './types.ts'

/** What load adds to a round trip, in ms: a node that is used up counts as 100 ms farther than an idle one. */
const USED_UP_MS = 100
/** Beyond its bound, and beyond all that it has: only when there is nobody else. */
const OVER_BOUND_MS = 1_000
const OVER_ALL_MS = 5_000

/** How far a node is from the players, on average over the gateways that count, in ms; 0 where nobody is. */
export function distanceMs(facts: PlacementFacts, { wantedNear }: AuthorityFacts, number: number): number {
  const gateways = wantedNear.slice(0, MAX_NEAR)
  if (gateways.length === 0) return 0
  let sum = 0
  for (const gateway of gateways) sum += roundTripMs(facts, gateway, number)
  return Math.floor(sum / gateways.length)
}

function roundTripMs(facts: PlacementFacts, a: number, b: number): number {
  if (a === b) return 0
  return (
    facts.node(a)?.facts.roundTripsMs.get(b) ??
    facts.node(b)?.facts.roundTripsMs.get(a) ??
    UNKNOWN_ROUND_TRIP_MS
  )
}

/** What it costs to have a replica there, in ms. `more`: the load that this would bring; 0 for whoever has one. */
export function costMs(round: Round, authority: AuthorityFacts, number: number, more: number): number {
  const capacity = round.facts.node(number)?.capacity ?? 0
  if (capacity === 0) return UNKNOWN_ROUND_TRIP_MS + OVER_ALL_MS
  const used = round.used(number) + more
  const over = used > capacity ? OVER_ALL_MS : used > round.bound(number) ? OVER_BOUND_MS : 0
  return (
    distanceMs(round.facts, authority, number) +
    Math.min(USED_UP_MS, Math.floor((used * USED_UP_MS) / capacity)) +
    over
  )
}

/** Whether what costs `next` instead of `now` is worth a move: a quarter less, and by something that players feel. */
export function isWorthMoving(now: number, next: number): boolean {
  return next + 10 <= now && next * 4 <= now * 3
}

/** How many of the others are of its operator, counted double, or on its host. */
export function clashes(facts: PlacementFacts, number: number, others: readonly number[]): number {
  const node = facts.node(number)?.facts
  if (node === undefined) return 0
  let sum = 0
  for (const other of others) {
    const facing = facts.node(other)?.facts
    if (facing === undefined || other === number) continue
    if (facing.operator === node.operator) sum += 2
    if (facing.host === node.host) sum += 1
  }
  return sum
}

/** What it costs to be led from there: as above, with what it leads already instead of what it holds. */
export function leadCostMs(round: Round, authority: AuthorityFacts, number: number): number {
  const { facts } = round
  const capacity = facts.node(number)?.capacity ?? 0
  if (capacity === 0) return UNKNOWN_ROUND_TRIP_MS + OVER_ALL_MS
  const others = facts.carried(number).led - (authority.voters[0] === number ? authority.weight : 0)
  const led = others + authority.weight
  return distanceMs(facts, authority, number) + Math.floor((led * USED_UP_MS) / capacity)
}

/** Whether leadership should go there at all, for as long as somebody else can have it. */
export function mayLead(round: Round, number: number): boolean {
  return round.stays(number) && round.facts.node(number)!.facts.trust >= LEADER_TRUST
}
