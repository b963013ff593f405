/** Stands in for the directory's rules: tells placement what changed, and writes down what it decided. */

import { PlacementFacts } from '../../../world/directory/placement/facts.ts'
import { place } from '../../../world/directory/placement/place.ts'
import {
  type AuthorityFacts,
  DEFAULT_POLICY,
  type Decision,
  type NodeFacts,
} from '../../../world/directory/placement/types.ts'
import type { SimRandom } from '../random.ts'
import type { SimArea, SimNode } from './fleet.ts'

/** How long members take to change, in ticks; more when somebody has to fetch the state. */
const CHANGE_TICKS = 1
const FETCH_TICKS = 2

export class Ledger {
  readonly facts = new PlacementFacts()
  readonly nodes = new Map<number, SimNode>()
  readonly areas = new Map<number, SimArea>()
  readonly #random: SimRandom

  constructor(random: SimRandom) {
    this.#random = random
  }

  putNode(node: SimNode): void {
    this.nodes.set(node.number, node)
    this.facts.putNode(nodeFacts(node))
  }

  putArea(area: SimArea): void {
    this.areas.set(area.group, area)
    this.facts.putAuthority(areaFacts(area))
  }

  decide(tick: number): Decision[] {
    return place(this.facts, DEFAULT_POLICY, tick)
  }

  /** What a replica decides that has just been restored, and was told of everything in another order. */
  decideAnew(tick: number, random: SimRandom): Decision[] {
    const facts = new PlacementFacts()
    for (const node of shuffled([...this.nodes.values()], random)) facts.putNode(nodeFacts(node))
    for (const area of shuffled([...this.areas.values()], random)) facts.putAuthority(areaFacts(area))
    return place(facts, DEFAULT_POLICY, tick)
  }

  write(decision: Decision, tick: number): void {
    const area = this.areas.get(decision.group)!
    if (decision.kind === 'order') {
      const were = [...area.voters, ...area.learners]
      const are = [...decision.voters, ...decision.learners]
      const newcomers = are.filter(number => !were.includes(number))
      for (const number of [...newcomers, ...were.filter(each => !are.includes(each))]) {
        const node = this.nodes.get(number)!
        node.movedTick = tick
        this.putNode(node)
      }
      const { voters, learners } = decision
      area.sinceTick = tick
      if (area.voters.length === 0) Object.assign(area, { voters, learners })
      else {
        const fetch = newcomers.length > 0 ? this.#random.below(FETCH_TICKS + 1) : 0
        area.pending = { voters, learners, sinceTick: tick, doneTick: tick + CHANGE_TICKS + fetch }
      }
    } else if (decision.kind === 'lead') {
      area.voters = decision.voters
      area.sinceTick = tick
    } else if (decision.kind === 'lost') {
      if (area.lost === undefined) area.lostTick = tick
      area.lost = decision.holders
    } else area.lost = undefined
    this.putArea(area)
  }
}

export function nodeFacts(node: SimNode): NodeFacts {
  const { number, operator, host, status, heardTick, sinceTick, trust, movedTick, roundTripsMs } = node
  const all = node.capacity
  return {
    number,
    operator,
    host,
    status,
    capacity: { cpu: all, memory: all * 2, disk: all * 4, bandwidth: all },
    load: { cpu: node.measured, memory: 0, disk: 0, bandwidth: Math.floor(node.measured / 2) },
    roundTripsMs,
    heardTick,
    sinceTick,
    trust,
    movedTick,
  }
}

function areaFacts({ group, weight, players, voters, learners, pending, ...area }: SimArea): AuthorityFacts {
  const { sinceTick, wantedNear, lost } = area
  return { group, kind: 'area', weight, players, voters, learners, pending, sinceTick, wantedNear, lost }
}

function shuffled<T>(items: T[], random: SimRandom): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const swap = items[i]!
    items[i] = items[j]!
    items[j] = swap
  }
  return items
}
