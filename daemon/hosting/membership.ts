import type { Departure } from '../../consensus/groups/departures.ts'
import type { GroupDriver } from '../../consensus/groups/driver.ts'
import type { GroupHost } from '../../consensus/groups/host.ts'
import { nextReplacementStep, type ReplacementStep } from '../../consensus/groups/replacement.ts'
import { names } from '../../consensus/raft/tracker/config.ts'
import type { HostedAuthority } from './opening.ts'
import type { MemberOrder, OrderRefusal, Orders } from './orders.ts'

export interface MembershipParts {
  readonly self: number
  readonly known: ReadonlyMap<number, HostedAuthority>
  readonly orders: Orders
  readonly host: GroupHost
  readonly driver: GroupDriver
  readonly isNode: (number: number) => boolean
  /** Begins a replica, unless there is one. */
  readonly open: (hosted: HostedAuthority) => Promise<void>
  /** Ends this node's replica; what it wrote stays on the disk. */
  readonly close: (group: number) => Departure | undefined
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

  change(group: number, order: MemberOrder): { ok: true } | { ok: false; code: OrderRefusal } {
    const { known, orders, host, driver, self, isNode, onMembers } = this.#parts
    const hosted = known.get(group)
    if (hosted === undefined) return { ok: false, code: 'unknown-authority' }
    if (![...order.voters, ...order.learners, ...order.before].every(isNode))
      return { ok: false, code: 'malformed' }
    const taken = orders.take(hosted, order, self)
    if (typeof taken === 'string') return { ok: false, code: taken }
    driver.addOps([orders.op(group)])
    host.introduce(group, taken.known)
    this.#unsettled.add(group)
    onMembers(hosted.name, orders.mayServe(hosted))
    // The order by which it was removed may come after its removal.
    if (this.#kept.has(group) && host.status(group)?.isMember === false) this.removed(group)
    else if (taken.hosted) this.#open(hosted)
    return { ok: true }
  }

  /** This node leads the group from now on. */
  leads(group: number): void {
    if (this.#parts.orders.get(group) !== undefined) this.#unsettled.add(group)
  }

  /** Whether the node was a member of the group once, or is to be one: what members know is not kept from it. */
  isKnown(group: number, number: number): boolean {
    const { orders, known } = this.#parts
    const members = orders.get(group)?.known ?? known.get(group)?.identity.members
    return members?.includes(number) === true
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
    const { orders, self, driver, host, close } = this.#parts
    const ordered = orders.get(group)
    const isWanted = ordered?.order.voters.includes(self) || ordered?.order.learners.includes(self)
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
      else if (this.#doStep(group, nextReplacementStep(ordered.order, status))) driver.wake()
    }
  }

  /** True when something was done. */
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
