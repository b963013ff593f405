import type { SimNode } from '../../node.ts'
import type { SimRandom } from '../../random.ts'
import type { Simulation } from '../../simulation.ts'
import type { SimDaemon } from '../daemon.ts'

export type Node = SimNode<SimDaemon>

/** What faults are done to. */
export interface Field {
  readonly simulation: Simulation
  readonly nodes: readonly Node[]
}

export interface Fault {
  /** Of the simulation's counters, those that say that it really happened. */
  readonly counters: readonly string[]
  inject(field: Field): void
  /** Ends what it did to this node; where nothing was done, nothing happens. */
  mendNode?(field: Field, node: Node): void
  /** Ends what it did between nodes. */
  mendLinks?(field: Field): void
}

export function pick<T>(random: SimRandom, from: readonly T[]): T {
  return from[random.below(from.length)]!
}

export function pickNode({ simulation, nodes }: Field): Node {
  return pick(simulation.random, nodes)
}
