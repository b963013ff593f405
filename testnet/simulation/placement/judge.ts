/** Holds each decision to what placement promises, by figures of its own. */
import { DEFAULT_POLICY, type Decision, type Order } from '../../../world/directory/placement/types.ts'
import type { SimArea, SimNode } from './fleet.ts'
import {
  CALM_TICKS,
  clashes,
  LEASE_TICKS,
  type Measures,
  quorum,
  REPLICA_TRUST,
  SILENT_TICKS,
} from './measures.ts'
import { demand } from './violation.ts'

const MOST_ORDERS = 160
const MOST_QUIET_ORDERS = 28
const MOST_MOVES = 4

export class Judge {
  readonly #measures: Measures
  /** By group: the tick of the last change that nothing forced. */
  readonly #moved = new Map<number, number>()
  /** How many decisions there were, by reason. */
  readonly decisions = new Map<string, number>()

  constructor(measures: Measures) {
    this.#measures = measures
  }

  /** The decisions of one tick, before they are written down. */
  judge(decisions: readonly Decision[]): void {
    const orders = decisions.filter(each => each.kind === 'order')
    const count = (reasons: readonly string[]): number =>
      orders.filter(each => reasons.includes(each.why)).length
    const leads = decisions.filter(each => each.kind === 'lead').length
    demand(orders.length <= MOST_ORDERS, () => `${orders.length} orders in one tick`)
    demand(
      count(['relief', 'growth', 'spread', 'nearness', 'balance']) <= MOST_QUIET_ORDERS,
      () => 'too many quiet orders in one tick',
    )
    demand(count(['spread', 'nearness', 'balance']) + leads <= MOST_MOVES, () => 'too many moves in one tick')
    const groups = decisions.map(each => each.group)
    demand(new Set(groups).size === groups.length, () => 'two decisions on one area in one tick')
  }

  /** One of them, with those before it written down. */
  judgeOne(decision: Decision, tick: number): void {
    const area = this.#measures.ledger.areas.get(decision.group)!
    const about = `area ${area.group} at ${tick}: `
    if (decision.kind === 'lost') this.#lost(area, decision.holders, tick, about)
    else if (decision.kind === 'found')
      demand(this.#measures.quorum(area.voters, tick), () => `${about}found without a quorum`)
    else if (decision.kind === 'lead') this.#lead(area, decision.voters, tick, about)
    else this.#order(area, decision, tick, about)
    const why = decision.kind === 'order' ? decision.why : decision.kind
    this.decisions.set(why, (this.decisions.get(why) ?? 0) + 1)
  }

  #order(area: SimArea, order: Order, tick: number, about: string): void {
    const { voters, learners, why } = order
    const members = [...voters, ...learners]
    const were = [...area.voters, ...area.learners]
    const newcomers = members.filter(each => !were.includes(each))
    demand(new Set(members).size === members.length, () => `${about}somebody twice in ${members}`)
    demand(
      voters.length >= 1 && voters.length <= DEFAULT_POLICY.replicas,
      () => `${about}${voters.length} voters`,
    )
    demand(learners.length <= DEFAULT_POLICY.observers, () => `${about}${learners.length} observers`)
    demand(area.lost === undefined, () => `${about}an order though it is lost`)
    if (area.pending !== undefined)
      demand(this.#measures.isStuck(area, tick), () => `${about}an order while the last one runs`)
    if (area.voters.length > 0) {
      const fresh = voters.filter(each => !area.voters.includes(each)).length
      demand(
        fresh <= Math.max(1, voters.length - quorum(voters.length)),
        () => `${about}${fresh} new voters at once`,
      )
      demand(this.#measures.quorum(area.voters, tick), () => `${about}an order that nobody can decide`)
      const before = [...area.voters, ...(area.pending?.voters ?? [])]
      demand(
        before.every(each => order.before.includes(each)),
        () => `${about}${order.before} lacks who may serve`,
      )
    }
    demand(this.#measures.quorum(voters, tick), () => `${about}an order that leaves no quorum`)
    for (const newcomer of newcomers)
      this.#newcomer(area, order, this.#measures.node(newcomer), newcomers, tick, about)
    for (const voter of voters)
      demand(
        area.voters.includes(voter) || this.#measures.node(voter).trust >= REPLICA_TRUST,
        () => `${about}the stranger ${voter} votes`,
      )
    this.#measures.demandLeader(voters, tick, about)
    if (why === 'repair') this.#needed(area, voters, tick, about)
    if (why === 'relief') this.#softFirst(area, order, about)
    if (['spread', 'nearness', 'balance'].includes(why)) this.#calm(area, tick, about)
  }

  #newcomer(
    area: SimArea,
    order: Order,
    node: SimNode,
    newcomers: readonly number[],
    tick: number,
    about: string,
  ): void {
    const { number } = node
    demand(node.status === 'active', () => `${about}${number} is ${node.status}, and is given a replica`)
    demand(tick - node.heardTick <= SILENT_TICKS, () => `${about}${number} is silent, and is given a replica`)
    const isForced = order.why === 'repair' || order.why === 'founding'
    const after = this.#measures.used(node) + area.weight
    const others = [...order.voters, ...order.learners].filter(each => each !== number)
    if (!isForced)
      demand(
        after <= this.#measures.bound(node, tick),
        () =>
          `${about}${number} is given more than its bound by ${order.why}: ${after} of ${this.#measures.bound(node, tick)}`,
      )
    const beside = this.#measures
      .nodes(order.voters.includes(number) ? order.voters : others)
      .filter(each => each !== node)
    // Of two observers that come together the first one is chosen without the second.
    const earlier = beside.filter(each => !newcomers.includes(each.number))
    const clash = clashes(node, beside)
    const free = this.#measures.ample(area, [...others, ...area.voters, ...area.learners], tick)
    if (after > node.capacity)
      demand(
        free.every(each => clashes(each, beside) > clash),
        () => `${about}${number} is given more than it has, without need`,
      )
    if (clash === 0) return
    const better = free.find(
      each => clashes(each, beside) < clash && clashes(each, earlier) < clashes(node, earlier),
    )
    demand(
      better === undefined,
      () => `${about}${number} stands beside its like (${order.why}), and ${better!.number} would not`,
    )
  }

  /** Nobody is put out who could stay. */
  #needed(area: SimArea, voters: readonly number[], tick: number, about: string): void {
    const gone = area.voters.filter(voter => !voters.includes(voter))
    const able = gone.find(
      voter => this.#measures.isHeard(voter, tick) && this.#measures.node(voter).status === 'active',
    )
    demand(able === undefined, () => `${about}${able} is there, and is replaced`)
    const silent = gone.every(voter => this.#measures.node(voter).status === 'active')
    demand(
      !silent || voters.length >= Math.min(area.voters.length, DEFAULT_POLICY.replicas),
      () => `${about}${gone} may come back, and nobody takes the place`,
    )
  }

  #softFirst(area: SimArea, { voters }: Order, about: string): void {
    const [gone] = area.voters.filter(voter => !voters.includes(voter))
    if (gone === undefined || area.voters.indexOf(gone) >= 3) return
    const soft = this.#measures.ledger.facts.carried(gone).soft
    const used = this.#measures.used(this.#measures.node(gone))
    const { capacity } = this.#measures.node(gone)
    demand(used - soft > capacity / 2, () => `${about}${gone} gives up what is hard before what is soft`)
  }

  #calm(area: SimArea, tick: number, about: string): void {
    const last = this.#moved.get(area.group)
    demand(
      last === undefined || tick - last >= CALM_TICKS,
      () => `${about}moved again after ${tick - last!} ticks`,
    )
    this.#moved.set(area.group, tick)
  }

  #lead(area: SimArea, voters: readonly number[], tick: number, about: string): void {
    demand(
      voters.toSorted().join() === area.voters.toSorted().join(),
      () => `${about}another leader with other voters`,
    )
    demand(
      area.pending === undefined && area.lost === undefined,
      () => `${about}another leader in the middle of a change`,
    )
    this.#measures.demandLeader(voters, tick, about)
    if (this.#measures.mayLead(area.voters[0]!, tick)) this.#calm(area, tick, about)
  }

  #lost(area: SimArea, holders: readonly number[], tick: number, about: string): void {
    demand(!this.#measures.quorum(area.voters, tick, LEASE_TICKS), () => `${about}called lost with a quorum`)
    const known = [...area.voters, ...area.learners, ...(area.pending?.voters ?? [])]
    const there = known.filter(each => this.#measures.isHeard(each, tick))
    demand(
      there.every(each => holders.includes(each)) && holders.every(each => there.includes(each)),
      () => `${about}held by ${there}, not by ${holders}`,
    )
  }
}
