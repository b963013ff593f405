import type { Wish } from './candidates.ts'
import type { Candidate, PlacementFacts } from './facts.ts'
import {
  FRESH_TICKS,
  MAX_FETCHES,
  MAX_QUIET_FETCHES,
  NODE_CALM_TICKS,
  OBSERVER_TRUST,
  REPLICA_TRUST,
  SILENT_TICKS,
  STEADY_TICKS,
} from './limits.ts'
import type { PlacementPolicy } from './types.ts'

/** What the orders of this tick give to a node, and take away from it. */
interface Ordered {
  given: number
  fetches: number
  taken: number
}

/** One tick of placement: what holds for all of its decisions, and what they have already given to whom. */
export class Round {
  readonly facts: PlacementFacts
  readonly policy: PlacementPolicy
  readonly tick: number
  /** Nodes that are heard and stay. */
  readonly alive: number
  /** Of these, such as may vote on areas. */
  readonly trusted: number
  /** Nodes that have replicas and are silent, leave or are gone, ascending. */
  readonly failing: readonly number[]
  /** Nodes that carry more than they should, ascending. */
  readonly pressed: readonly number[]
  readonly #ordered = new Map<number, Ordered>()

  constructor(facts: PlacementFacts, policy: PlacementPolicy, tick: number) {
    this.facts = facts
    this.policy = policy
    this.tick = tick
    let alive = 0
    let trusted = 0
    const failing: number[] = []
    for (const number of facts.nodes) {
      const node = facts.node(number)!
      if (!this.stays(number)) {
        if (facts.carried(number).groups.length > 0) failing.push(number)
        continue
      }
      alive += 1
      if (node.facts.trust >= REPLICA_TRUST) trusted += 1
    }
    this.alive = alive
    this.trusted = trusted
    this.failing = failing
    this.pressed = facts.nodes.filter(number => this.stays(number) && this.isPressed(number))
  }

  /** Whether its vote can be counted on. */
  isHeard(number: number, forTicks = SILENT_TICKS): boolean {
    const node = this.facts.node(number)?.facts
    return node !== undefined && node.status !== 'gone' && this.tick - node.heardTick <= forTicks
  }

  stays(number: number): boolean {
    return this.isHeard(number) && this.facts.node(number)!.facts.status === 'active'
  }

  /** Whether it may be given a replica. `hasIt`: it is an observer, and fetches nothing. */
  mayTake({ facts }: Candidate, { votes, isUrgent }: Wish, hasIt: boolean): boolean {
    const { number, status, trust, heardTick, sinceTick } = facts
    if (status !== 'active' || this.tick - heardTick > FRESH_TICKS) return false
    if (heardTick > this.tick) return false // still waited for
    if (trust < (votes ? REPLICA_TRUST : OBSERVER_TRUST)) return false
    if (!isUrgent && this.tick - sinceTick < STEADY_TICKS) return false
    return hasIt || !isUrgent || this.fetches(number) < MAX_FETCHES
  }

  /** Whether it fetches as much as it should at a time where nothing is urgent. */
  isFetching(number: number): boolean {
    return this.fetches(number) >= MAX_QUIET_FETCHES
  }

  fetches(number: number): number {
    return this.facts.carried(number).fetches + (this.#ordered.get(number)?.fetches ?? 0)
  }

  /** What is used of its capacity: what it carries, or what it measured where that is more, and what it is to fetch. */
  used(number: number): number {
    const { hard, idle, soft, coming } = this.facts.carried(number)
    const measured = this.facts.node(number)?.measured ?? 0
    return Math.max(hard + idle + soft, measured) + coming + (this.#ordered.get(number)?.given ?? 0)
  }

  usedPercent(number: number, more: number): number {
    const capacity = this.facts.node(number)?.capacity ?? 0
    return capacity === 0 ? 100 : Math.floor(((this.used(number) + more) * 100) / capacity)
  }

  /** N/(N+1) of its capacity, where N+1 nodes are alive: then the others can take what one of them had. */
  bound(number: number): number {
    const { capacity } = this.facts.node(number)!
    return this.alive <= 1 ? capacity : Math.floor((capacity * (this.alive - 1)) / this.alive)
  }

  /** Whether it carries more than its bound, by figures that are not of before its last change; not before it said what it gives. */
  isPressed(number: number): boolean {
    if (this.facts.node(number)!.capacity === 0) return false
    return this.#remaining(number) > this.bound(number) && this.isCalm(number)
  }

  isCalm(number: number): boolean {
    return this.tick - this.facts.node(number)!.facts.movedTick >= NODE_CALM_TICKS
  }

  /** Whether that would be so without what is soft, which goes first. */
  isHardPressed(number: number): boolean {
    return (
      this.#remaining(number) - this.facts.carried(number).soft > this.bound(number) && this.isCalm(number)
    )
  }

  #remaining(number: number): number {
    return this.used(number) - (this.#ordered.get(number)?.taken ?? 0)
  }

  /** An order of this tick gives it a replica. */
  give(number: number, weight: number): void {
    const ordered = this.#of(number)
    ordered.given += weight
    ordered.fetches += 1
  }

  /** An order of this tick takes one away, which stays until that is done. */
  take(number: number, weight: number): void {
    this.#of(number).taken += weight
  }

  #of(number: number): Ordered {
    const ordered = this.#ordered.get(number) ?? { given: 0, fetches: 0, taken: 0 }
    this.#ordered.set(number, ordered)
    return ordered
  }
}
