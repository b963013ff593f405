import type { GroupStatus, Members } from '../../../consensus/groups/types.ts'
import { type MemberOrder, orderKey } from '../../../daemon/hosting/orders.ts'
import type { SimDisk } from '../disk.ts'
import type { SimNode } from '../node.ts'
import type { SimRandom } from '../random.ts'
import type { Simulation } from '../simulation.ts'
import type { SimDaemon } from './daemon.ts'
import type { GivenOrders } from './given-orders.ts'

const TELL_EVERY_MS = 500
/** Nodes hear of an order at different times. */
const SPREAD_MS = 300

/**
 * What the directory will be to the daemon: it decides who belongs to an area, one change at a time for each, and tells
 * every life of every node until that has been told. Whose disk has an order is not told it again: a start must know it.
 */
export class SimDirectory implements GivenOrders {
  readonly #simulation: Simulation
  readonly #nodes: readonly SimNode<SimDaemon>[]
  readonly #founders: (group: number) => readonly number[]
  readonly #random: SimRandom
  readonly #orders = new Map<number, MemberOrder>()
  readonly #unsettled = new Map<number, string>()
  readonly #ever = new Set<string>()
  /** The newest order of each group that a life was told. */
  readonly #told = new WeakMap<SimDaemon, Map<number, number>>()

  /** @param founders the members of a group at its beginning */
  constructor(
    simulation: Simulation,
    nodes: readonly SimNode<SimDaemon>[],
    founders: (group: number) => readonly number[],
  ) {
    this.#simulation = simulation
    this.#nodes = nodes
    this.#founders = founders
    this.#random = simulation.random.fork('directory')
  }

  /** A change is under way in this group. */
  isChanging(group: number): boolean {
    return this.#unsettled.has(group)
  }

  /** Who shall be a member of this group. */
  orderedIn(group: number): readonly number[] {
    const order = this.#orders.get(group)
    return order === undefined ? [] : [...order.voters, ...order.learners]
  }

  get isSettled(): boolean {
    return this.#unsettled.size === 0
  }

  /** Whether these were to be the members of this group at any time. */
  wasOrdered(group: number, members: readonly number[]): boolean {
    return this.#ever.has(`${group} ${members}`)
  }

  /** @param counter counts the change as a fault when it has come about */
  order(group: number, members: Members, counter: string): void {
    if (this.#orders.size === 0) this.#tell()
    const last = this.#orders.get(group)
    const before = last === undefined ? this.#founders(group) : [...last.voters, ...last.learners]
    this.#orders.set(group, { ...members, number: (last?.number ?? 0) + 1, before })
    this.#ever.add(`${group} ${members.voters}`)
    this.#unsettled.set(group, counter)
  }

  #tell(): void {
    this.#simulation.schedule(undefined, TELL_EVERY_MS, 'directory', () => this.#tell())
    for (const [group, order] of this.#orders) {
      this.#settle(group, order)
      for (const { program, disk } of this.#nodes) {
        if (program === undefined || this.#toldTo(program).get(group) === order.number) continue
        this.#toldTo(program).set(group, order.number)
        if (numberOn(disk, group) === order.number) continue
        const afterMs = this.#random.between(0, SPREAD_MS)
        this.#simulation.schedule(undefined, afterMs, '', () => program.changeMembers(group, order))
      }
    }
  }

  #toldTo(program: SimDaemon): Map<number, number> {
    const told = this.#told.get(program) ?? new Map<number, number>()
    this.#told.set(program, told)
    return told
  }

  #settle(group: number, order: MemberOrder): void {
    const counter = this.#unsettled.get(group)
    if (counter === undefined) return
    const isDone = this.#nodes.some(({ program }) => hasCome(program?.engine.status(group), order))
    if (!isDone) return
    this.#unsettled.delete(group)
    this.#simulation.countFault(counter)
  }
}

/** Of the order that the disk has, as daemon/hosting/orders.ts keeps it: behind four bytes of a checksum. */
function numberOn({ durable }: SimDisk, group: number): number {
  const kept = durable.get(orderKey(group))
  return kept === undefined ? 0 : JSON.parse(Buffer.from(kept.subarray(4)).toString()).order.number
}

function hasCome(status: GroupStatus | undefined, { voters, learners }: Members): boolean {
  if (status?.role !== 'leader' || status.members.votersOutgoing.length > 0) return false
  return same(status.members.voters, voters) && same(status.members.learners, learners)
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every(id => b.includes(id))
}
