/** What the judge goes by: figures of its own about nodes and areas. */
import type { SimArea, SimNode } from './fleet.ts'
import type { Ledger } from './ledger.ts'
import { demand } from './violation.ts'

export const SILENT_TICKS = 6
export const LEASE_TICKS = 8
export const STUCK_TICKS = 60
/** Two changes of one area that nothing forced are so far apart. */
export const CALM_TICKS = 120
export const REPLICA_TRUST = 250
const LEADER_TRUST = 500
/** A node with so much room left (of 100) was free to take something, whatever else this tick gave it. */
const AMPLE_PERCENT = 50

export class Measures {
  readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** Nodes that could have been given a replica of it, by any standard. */
  ample(area: SimArea, except: readonly number[], tick: number): SimNode[] {
    return [...this.ledger.nodes.values()].filter(
      node =>
        this.takes(node, tick) &&
        node.trust >= REPLICA_TRUST &&
        !except.includes(node.number) &&
        this.ledger.facts.carried(node.number).fetches === 0 &&
        (this.used(node) + area.weight) * 100 <= node.capacity * AMPLE_PERCENT,
    )
  }

  takes(node: SimNode, tick: number): boolean {
    return (
      node.isUp &&
      node.status === 'active' &&
      tick - node.heardTick <= 2 &&
      tick - node.sinceTick >= CALM_TICKS
    )
  }

  /** Its own sum, over the areas. */
  used(node: SimNode): number {
    let carried = 0
    let coming = 0
    for (const group of this.ledger.facts.carried(node.number).groups) {
      const { voters, learners, weight } = this.ledger.areas.get(group)!
      if (voters.includes(node.number) || learners.includes(node.number)) carried += weight
      else coming += weight
    }
    return Math.max(carried, node.measured) + coming
  }

  bound(node: SimNode, tick: number): number {
    const alive = [...this.ledger.nodes.keys()].filter(
      each => this.isHeard(each, tick) && this.node(each).status === 'active',
    ).length
    return alive <= 1 ? node.capacity : Math.floor((node.capacity * (alive - 1)) / alive)
  }

  isStuck(area: SimArea, tick: number): boolean {
    const { voters, learners, sinceTick } = area.pending!
    const dead = [...voters, ...learners].some(each => {
      const isNew = !area.voters.includes(each) && !area.learners.includes(each)
      return isNew && !this.isHeard(each, tick)
    })
    return dead || tick - sinceTick >= STUCK_TICKS
  }

  quorum(voters: readonly number[], tick: number, forTicks = SILENT_TICKS): boolean {
    return voters.filter(each => this.isHeard(each, tick, forTicks)).length >= quorum(voters.length)
  }

  isHeard(number: number, tick: number, forTicks = SILENT_TICKS): boolean {
    const { status, heardTick } = this.node(number)
    return status !== 'gone' && tick - heardTick <= forTicks
  }

  mayLead(number: number, tick: number): boolean {
    const { trust, status } = this.node(number)
    return this.isHeard(number, tick) && status === 'active' && trust >= LEADER_TRUST
  }

  isUp({ isUp, status }: SimNode): boolean {
    return isUp && status !== 'gone'
  }

  node(number: number): SimNode {
    return this.ledger.nodes.get(number)!
  }

  /** Who may lead comes first, where there is one. */
  demandLeader(voters: readonly number[], tick: number, about: string): void {
    const able = voters.filter(voter => this.mayLead(voter, tick))
    demand(able.length === 0 || able.includes(voters[0]!), () => `${about}${voters[0]} should not lead`)
  }

  nodes(numbers: readonly number[]): SimNode[] {
    return numbers.map(number => this.node(number))
  }
}

/** ⌈(n + f + 1) / 2⌉, f = ⌊(n − 1) / 3⌋. */
export function quorum(members: number): number {
  return Math.ceil((members + Math.floor((members - 1) / 3) + 1) / 2)
}

export function clashes(node: SimNode, others: readonly SimNode[]): number {
  let sum = 0
  for (const other of others) {
    if (other === node) continue
    if (other.operator === node.operator) sum += 2
    if (other.host === node.host) sum += 1
  }
  return sum
}
