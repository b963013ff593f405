import type { Departure } from '../../consensus/groups/departures.ts'
import type { GroupDriver } from '../../consensus/groups/driver.ts'
import type { GroupHost } from '../../consensus/groups/host.ts'
import {
  nextReplacementStep,
  nextSuccessionStep,
  type ReplacementStep,
} from '../../consensus/groups/replacement.ts'
import type { GroupStatus, Members } from '../../consensus/groups/types.ts'
import { names } from '../../consensus/raft/tracker/config.ts'
import type { ViewsOfMembers } from './engine-options.ts'
import type { HostedAuthority } from './opening.ts'
import type { MemberOrder, OrderRefusal, Orders } from './orders.ts'

export interface MembershipParts {
  readonly self: number
  readonly known: ReadonlyMap<number, HostedAuthority>
  readonly orders: Orders
  /** Where the members vote, they decide who comes after them: undefined, Raft alone changes them. */
  readonly views: ViewsOfMembers | undefined
  readonly host: GroupHost
  readonly driver: GroupDriver
  readonly isNode: (number: number) => boolean
  /** Begins a replica, unless there is one. */
  readonly open: (hosted: HostedAuthority) => Promise<void>
  /** Ends this node's replica; what it wrote stays on the disk. */
  readonly close: (group: number) => Departure | undefined
  /** Whom this node's replica, as the leader, is to name in the next seal; undefined: those who are members. */
  readonly propose: (group: number, members: readonly number[] | undefined) => void
  readonly onMembers: (name: string, members: readonly number[]) => void
  readonly onHalted: (name: string, error: Error) => void
}

/**
 * Sees to it that authorities come to have the members that were ordered: the leader makes the change, new members begin a
 * replica, gateways learn where to turn. Other members than these nobody proposes.
 */
export class Membership {
  readonly #parts: MembershipParts
  /** Authorities whose members may not be those that were ordered. */
  readonly #unsettled = new Set<number>()
  /** Replicas that are being opened, one attempt after another for each. */
  readonly #moving = new Map<number, Promise<void>>()
  /** Replicas that their groups have removed, but that an order wanted back. */
  readonly #kept = new Set<number>()

  constructor(parts: MembershipParts) {
    this.#parts = parts
  }

  /** Why `change` would not take an order, if it would not. */
  refusalOf(group: number, order: MemberOrder): OrderRefusal | undefined {
    const { known, orders, isNode } = this.#parts
    const hosted = known.get(group)
    if (hosted === undefined) return 'unknown-authority'
    // Who is to go may be no node any more: it is banned, or has left.
    if (![...order.voters, ...order.learners].every(isNode)) return 'malformed'
    return orders.refusalOf(hosted.identity, order)
  }

  change(group: number, order: MemberOrder): { ok: true } | { ok: false; code: OrderRefusal } {
    const { known, orders, views, host, driver, self, onMembers } = this.#parts
    const refusal = this.refusalOf(group, order)
    if (refusal !== undefined) return { ok: false, code: refusal }
    const hosted = known.get(group)!
    const taken = orders.take(hosted, order, self)
    driver.addOps([orders.op(group)])
    host.introduce(group, taken.known)
    this.#unsettled.add(group)
    onMembers(hosted.name, this.mayServe(group))
    views?.ordered(group)
    // The order by which it was removed may come after its removal.
    if (this.#kept.has(group) && host.status(group)?.isMember === false) this.removed(group)
    else if (this.holds(group)) this.#open(hosted)
    else if (views !== undefined) this.#parts.close(group)
    return { ok: true }
  }

  /** Whether this node is to hold a replica. */
  holds(group: number): boolean {
    const { views, orders, known, self } = this.#parts
    if (views === undefined) return orders.hosts(known.get(group)!, self)
    return views.membersOf(group)?.includes(self) === true || orders.names(group, self)
  }

  /** Node numbers of those who may lead it, as far as this node knows; the likeliest first. */
  mayServe(group: number): readonly number[] {
    const { views, orders, known } = this.#parts
    return [...new Set([...(views?.membersOf(group) ?? []), ...orders.mayServe(known.get(group)!)])]
  }

  /** Whether the newest order wants exactly these as members, ascending. */
  isOrdered(group: number, members: readonly number[]): boolean {
    const voters = this.#parts.orders.get(group)?.order.voters ?? []
    return ascending(voters).join() === members.join()
  }

  /** The members have decided who comes after them. */
  activated(group: number): void {
    this.#unsettled.add(group)
    this.#parts.onMembers(this.#parts.known.get(group)!.name, this.mayServe(group))
  }

  /** This node leads the group from now on. */
  leads(group: number): void {
    if (this.#parts.orders.get(group) !== undefined) this.#unsettled.add(group)
  }

  /** Whether the node is a member by what was decided, or is to come by the newest order: a hidden authority is for these alone. */
  isPresent(group: number, number: number): boolean {
    const { orders, known, views } = this.#parts
    const members = views?.membersOf(group) ?? orders.mayServe(known.get(group)!)
    return members.includes(number) || orders.names(group, number)
  }

  /** Whether replicas give the node what they have: of an area also when it has left. */
  mayHave(group: number, number: number): boolean {
    const { orders, known, views } = this.#parts
    const hosted = known.get(group)
    if (hosted === undefined) return false
    if (hosted.identity.isHidden) return this.isPresent(group, number)
    return orders.knows(hosted, number) || views?.everMembersOf(group).includes(number) === true
  }

  /** Whether the node signs the log, or has: it is or was a member by what was decided, or the newest order makes it one. */
  maySign(group: number, number: number): boolean {
    const ever = this.#parts.views?.everMembersOf(group) ?? []
    return ever.includes(number) || this.mayServe(group).includes(number)
  }

  /** At a start: replicas that had applied their removal, but that a crash kept from ending, and what is left of others. */
  endRemoved(): void {
    const { host, self, known, orders } = this.#parts
    for (const group of known.keys()) {
      const ordered = orders.get(group)
      if (ordered?.hosted === false && ordered.left !== undefined) host.departed(ordered.left)
    }
    for (const group of host.groups()) {
      const status = host.status(group)
      if (status !== undefined && !names(status.members, self)) this.removed(group)
    }
  }

  /** This node's replica was removed from its group. An order may want it back, and then its leader will find it. */
  removed(group: number): void {
    const { orders, views, self, driver, host, close } = this.#parts
    const ordered = orders.get(group)
    const isWanted = orders.names(group, self) || views?.membersOf(group)?.includes(self) === true
    this.#kept[isWanted ? 'add' : 'delete'](group)
    if (isWanted) return
    const left = close(group)
    if (left !== undefined) host.departed(left)
    orders.retire(group, left)
    if (ordered !== undefined) driver.addOps([orders.op(group)])
  }

  /** Every tick: where this node leads, the next step to the members that were ordered. */
  follow(): void {
    const { orders, host, driver } = this.#parts
    for (const group of this.#unsettled) {
      const ordered = orders.get(group)
      const status = host.status(group)
      if (ordered === undefined || status?.role !== 'leader') this.#unsettled.delete(group)
      else if (this.#goOn(group, ordered.order, status)) driver.wake()
    }
  }

  /** True when something was done. */
  #goOn(group: number, goal: Members, status: GroupStatus): boolean {
    const { views, host, propose } = this.#parts
    if (views?.votesOn(group) !== true) return this.#doStep(group, nextReplacementStep(goal, status))
    const step = nextSuccessionStep(goal, status)
    propose(group, step.kind === 'seal' ? ascending(goal.voters) : undefined)
    if (step.kind === 'done') this.#unsettled.delete(group)
    return step.kind === 'change' && host.changeMembers(group, step.members).ok
  }

  #doStep(group: number, step: ReplacementStep): boolean {
    if (step.kind === 'done') this.#unsettled.delete(group)
    if (step.kind === 'transfer') this.#parts.host.transfer(group, step.to)
    if (step.kind !== 'change') return step.kind === 'transfer'
    return this.#parts.host.changeMembers(group, step.members).ok
  }

  /** After what the disk still has to write of a replica that was closed. */
  #open(hosted: HostedAuthority): void {
    const { driver, open, onHalted } = this.#parts
    const { group } = hosted.identity
    const last = this.#moving.get(group) ?? Promise.resolve()
    const moved = last
      .then(() => new Promise<void>(resolve => driver.sync(resolve)))
      .then(() => open(hosted))
      .catch((error: Error) => onHalted(hosted.name, error))
    this.#moving.set(group, moved)
  }
}

const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b)
