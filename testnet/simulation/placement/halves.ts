/** Half of all nodes at once, for good: which areas nobody is left of? */
import { SimRandom } from '../random.ts'
import type { Ledger } from './ledger.ts'
import { found, progress } from './run.ts'
import { Weather } from './weather.ts'

export interface HalvesOutcome {
  readonly halves: number
  readonly areas: number
  /** Of 10,000 areas, on average over the halves, so many have no voter and no observer left. */
  readonly darkPer10000: number
  /** In the worst half. */
  readonly worstPer10000: number
  /** Areas with all of five voters and two observers. */
  readonly whole: number
}

const SETTLING_TICKS = 600

/** A network in peace, and so many of its halves. */
export function killHalves(seed: number, nodes: number, areas: number, halves: number): HalvesOutcome {
  const random = new SimRandom(seed)
  const ledger = settled(random, nodes, areas, SETTLING_TICKS)
  const numbers = [...ledger.nodes.keys()]
  let dark = 0
  let worst = 0
  for (let i = 0; i < halves; i++) {
    const dead = halfOf(numbers, random)
    let count = 0
    for (const { voters, learners } of ledger.areas.values())
      if (voters.every(each => dead.has(each)) && learners.every(each => dead.has(each))) count += 1
    dark += count
    worst = Math.max(worst, count)
  }
  const all = [...ledger.areas.values()]
  return {
    halves,
    areas,
    darkPer10000: Math.round((dark * 10_000) / halves / areas),
    worstPer10000: Math.round((worst * 10_000) / areas),
    whole: all.filter(({ voters, learners }) => voters.length === 5 && learners.length === 2).length,
  }
}

/** So many nodes and areas, after so many ticks in which nothing happened. */
export function settled(random: SimRandom, nodes: number, areas: number, ticks: number): Ledger {
  const ledger = found(random.fork('world'), nodes, areas)
  const weather = new Weather(random.fork('weather'), ledger, nodes)
  for (let tick = 1; tick <= ticks; tick++) {
    weather.renew(tick)
    progress(ledger, tick)
    for (const decision of ledger.decide(tick)) ledger.write(decision, tick)
  }
  return ledger
}

function halfOf(numbers: readonly number[], random: SimRandom): ReadonlySet<number> {
  const left = [...numbers]
  const dead = new Set<number>()
  while (dead.size < numbers.length >> 1) {
    const at = random.below(left.length)
    dead.add(left[at]!)
    left[at] = left.at(-1)!
    left.pop()
  }
  return dead
}
