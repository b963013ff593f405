import type { Members } from '../../../consensus/groups/types.ts'
import type { DirectoryTruth } from './directory-truth.ts'

/** Who shall be a member of what. */
export interface GivenOrders {
  /** A change is under way in this group. */
  isChanging(group: number): boolean
  /** Who shall be a member of this group. */
  orderedIn(group: number): readonly number[]
  readonly isSettled: boolean
  /** Whether these were to be the members of this group at any time. */
  wasOrdered(group: number, members: readonly number[]): boolean
  /** @param counter counts the change as a fault when it has come about */
  order(group: number, members: Members, counter: string): void
}

/** Those of the directory that the nodes hold, as its members have decided. */
export class DecidedOrders implements GivenOrders {
  readonly #truth: DirectoryTruth

  constructor(truth: DirectoryTruth) {
    this.#truth = truth
  }

  isChanging(group: number): boolean {
    const authority = this.#truth.state.authorities.get(group)
    const order = authority?.orders.at(-1)
    if (authority === undefined || order === undefined) return false
    const members = authority.members.map(({ node }) => node)
    return members.join() !== [...order.voters].sort((a, b) => a - b).join()
  }

  orderedIn(group: number): readonly number[] {
    const order = this.#truth.state.authorities.get(group)?.orders.at(-1)
    return order === undefined ? [] : [...order.voters, ...order.learners]
  }

  get isSettled(): boolean {
    return ![...this.#truth.state.authorities.rows()].some(({ group }) => this.isChanging(group))
  }

  wasOrdered(group: number, members: readonly number[]): boolean {
    return this.#truth.wasOrdered(group, members)
  }

  order(): void {
    throw new TypeError('the directory orders by itself')
  }
}
