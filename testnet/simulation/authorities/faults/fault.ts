import type { SimNode } from '../../node.ts'
import type { SimRandom } from '../../random.ts'
import type { Simulation } from '../../simulation.ts'
import type { SimDaemon } from '../daemon.ts'
import type { GivenOrders } from '../given-orders.ts'
import type { Judge } from '../judge.ts'
import type { SimPlayer } from '../player.ts'
import type { Realm } from '../realm.ts'

export type Node = SimNode<SimDaemon>

/** What faults are done to. */
export interface Field {
  readonly simulation: Simulation
  readonly nodes: readonly Node[]
  readonly players: readonly SimPlayer[]
  readonly realm: Realm
  readonly directory: GivenOrders
  readonly judge: Judge
  /** Where members vote, the one node that may forget what it has signed. */
  readonly forgetful: Node | undefined
  /** Numbers of the nodes that decide in a group. */
  votersOf(group: number): readonly number[]
  /** And of those who keep its log. */
  membersOf(group: number): readonly number[]
}

export interface Fault {
  /** Of the simulation's counters, those that say that it really happened. */
  readonly counters: readonly string[]
  inject(field: Field): void
  /** Ends what it did to this node; where nothing was done, nothing happens. */
  mendNode?(field: Field, node: Node): void
  /** Ends what it did between nodes, or between clients and them. */
  mendLinks?(field: Field): void
}

export function pick<T>(random: SimRandom, from: readonly T[]): T {
  return from[random.below(from.length)]!
}

export function pickNode({ simulation, nodes }: Field): Node {
  return pick(simulation.random, nodes)
}

export function shuffled<T>(random: SimRandom, items: readonly T[]): T[] {
  const all = [...items]
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

/** As often between 10 and 100 as between 100 and 1,000. */
export function between(random: SimRandom, from: number, to: number): number {
  return from * (to / from) ** random.fraction()
}
