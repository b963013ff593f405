import { MIN_VOTERS } from './limits.ts'
import { ascending, insert, remove } from './sorted.ts'
import type { AuthorityFacts, NodeFacts, Resources } from './types.ts'

/**
 * What a node carries, in thousandths of the reference node. *Hard*: voters of areas with players, without which somebody
 * would stand still. *Idle* (opportunistic): voters where nobody is. *Soft*: observers and extra voters, which go first.
 */
export interface Carried {
  hard: number
  idle: number
  soft: number
  /** Of orders that are not done: replicas that it is fetching. */
  coming: number
  fetches: number
  /** Of authorities that prefer it as their leader. */
  led: number
  /** Groups that it has a replica of or is to have one, ascending. */
  readonly groups: number[]
}

/** A node, with what follows from its facts. */
export interface Candidate {
  readonly facts: NodeFacts
  /** The scarcest of what its owner gives. */
  readonly capacity: number
  /** What is used of that, where the most is used. */
  readonly measured: number
}

/**
 * The directory's nodes and authorities as placement reads them. The rules tell it of each change; all in it follows from
 * the last facts of each, in whatever order they came, so that a replica that was restored decides as all others do.
 */
export class PlacementFacts {
  readonly #nodes = new Map<number, Candidate>()
  readonly #authorities = new Map<number, AuthorityFacts>()
  readonly #carried = new Map<number, Carried>()
  readonly #byOperator = new Map<string, number[]>()
  readonly #numbers: number[] = []
  readonly #groups: number[] = []
  readonly #thin: number[] = []
  readonly #operators: string[] = []
  #pending = 0

  putNode(facts: NodeFacts): void {
    const { number, operator } = facts
    const old = this.#nodes.get(number)
    if (old !== undefined && old.facts.operator !== operator) this.dropNode(number)
    this.#nodes.set(number, { facts, ...scarcest(facts.capacity, facts.load) })
    // Mostly it is only heard again.
    if (old?.facts.operator === operator) return
    insert(this.#numbers, number)
    if (!this.#byOperator.has(operator)) {
      this.#byOperator.set(operator, [])
      insert(this.#operators, operator)
    }
    insert(this.#byOperator.get(operator)!, number)
  }

  dropNode(number: number): void {
    const old = this.#nodes.get(number)
    if (old === undefined) return
    const { operator } = old.facts
    const siblings = this.#byOperator.get(operator)!
    this.#nodes.delete(number)
    remove(this.#numbers, number)
    remove(siblings, number)
    if (siblings.length > 0) return
    this.#byOperator.delete(operator)
    remove(this.#operators, operator)
  }

  putAuthority(facts: AuthorityFacts): void {
    const { group, voters } = facts
    const old = this.#authorities.get(group)
    if (old === undefined) insert(this.#groups, group)
    else this.#count(old, -1)
    this.#authorities.set(group, facts)
    if (voters.length < MIN_VOTERS) insert(this.#thin, group)
    else remove(this.#thin, group)
    this.#count(facts, 1)
  }

  dropAuthority(group: number): void {
    const old = this.#authorities.get(group)
    if (old === undefined) return
    this.#count(old, -1)
    this.#authorities.delete(group)
    remove(this.#groups, group)
    remove(this.#thin, group)
  }

  node(number: number): Candidate | undefined {
    return this.#nodes.get(number)
  }

  authority(group: number): AuthorityFacts | undefined {
    return this.#authorities.get(group)
  }

  carried(number: number): Readonly<Carried> {
    return this.#carried.get(number) ?? NOTHING
  }

  /** Ascending, as all that follow. */
  get nodes(): readonly number[] {
    return this.#numbers
  }

  get groups(): readonly number[] {
    return this.#groups
  }

  /** Authorities with fewer than three voters. */
  get thin(): readonly number[] {
    return this.#thin
  }

  get operators(): readonly string[] {
    return this.#operators
  }

  nodesOf(operator: string): readonly number[] {
    return this.#byOperator.get(operator) ?? []
  }

  /** Orders that are not done. */
  get pending(): number {
    return this.#pending
  }

  #count({ group, weight, players, voters, learners, pending }: AuthorityFacts, sign: 1 | -1): void {
    const amount = sign * weight
    voters.forEach((voter, place) => {
      const carried = this.#change(voter, group, sign)
      if (place >= MIN_VOTERS) carried.soft += amount
      else if (players > 0) carried.hard += amount
      else carried.idle += amount
      if (place === 0) carried.led += amount
    })
    for (const learner of learners) this.#change(learner, group, sign).soft += amount
    if (pending === undefined) return
    this.#pending += sign
    for (const newcomer of newcomersOf({ voters, learners, pending })) {
      const carried = this.#change(newcomer, group, sign)
      carried.coming += amount
      carried.fetches += sign
    }
  }

  #change(number: number, group: number, sign: 1 | -1): Carried {
    let carried = this.#carried.get(number)
    if (carried === undefined) {
      carried = { ...NOTHING, groups: [] }
      this.#carried.set(number, carried)
    }
    if (sign === 1) insert(carried.groups, group)
    else remove(carried.groups, group)
    return carried
  }
}

const NOTHING: Carried = { hard: 0, idle: 0, soft: 0, coming: 0, fetches: 0, led: 0, groups: [] }

/** Whom the order that is not done brings in, ascending. */
export function newcomersOf({
  voters,
  learners,
  pending,
}: Pick<AuthorityFacts, 'voters' | 'learners' | 'pending'>): number[] {
  if (pending === undefined) return []
  return ascending([...pending.voters, ...pending.learners]).filter(
    number => !voters.includes(number) && !learners.includes(number),
  )
}

function scarcest(capacity: Resources, load: Resources): { capacity: number; measured: number } {
  const least = Math.min(capacity.cpu, capacity.memory, capacity.disk, capacity.bandwidth)
  const share = (of: keyof Resources): number =>
    capacity[of] === 0 ? least : Math.floor((load[of] * least) / capacity[of])
  return {
    capacity: least,
    measured: Math.max(share('cpu'), share('memory'), share('disk'), share('bandwidth')),
  }
}
