import { MAX_OPEN_ORDERS } from '../limits.ts'
import type { DirectoryState } from '../state.ts'
import type { AuthorityRecord, Order, Voter } from '../types.ts'

/** Whether these nodes are exactly the members. */
export function areSame(nodes: readonly number[], members: readonly Voter[]): boolean {
  return nodes.length === members.length && members.every(({ node }) => nodes.includes(node))
}

const haveSame = (nodes: readonly number[], others: readonly number[]): boolean =>
  nodes.length === others.length && nodes.every(node => others.includes(node))

/** The order that is still to be carried out; undefined when the members are those whom the last one named. */
export function pendingOf({ orders, members }: AuthorityRecord): Order | undefined {
  const order = orders.at(-1)
  return order !== undefined && !areSame(order.voters, members) ? order : undefined
}

/**
 * Says who shall be the members of an authority. One that nobody holds yet begins with them, in epoch 1: there is nobody who
 * could decide it. Otherwise its present members decide a seal that names them, which is anchored (`anchor.ts`).
 */
export function order(
  state: DirectoryState,
  authority: AuthorityRecord,
  wanted: Pick<Order, 'voters' | 'learners' | 'before'>,
): void {
  const { header } = state
  const { voters, learners, before } = wanted
  const given = { number: header.nextOrder++, voters, learners, before }
  state.touchHeader()
  // One that is given again takes no other one's place: any of these may still be carried out.
  const others = authority.orders.filter(each => !haveSame(each.voters, voters))
  authority.orders = [...others, given].slice(-MAX_OPEN_ORDERS)
  authority.orderedMs = header.passedMs
  authority.lastEpoch++
  if (authority.epoch === 0) {
    authority.epoch = 1
    authority.members = keyed(state, voters)
  }
  if (areSame(voters, authority.members)) {
    authority.leading = voters
    authority.learners = learners
  }
  state.setAuthority(authority)
}

export function keyed(state: DirectoryState, voters: readonly number[]): Voter[] {
  const nodes = [...voters].sort((a, b) => a - b)
  return nodes.map(node => ({ node, key: state.nodes.get(node)!.vote }))
}
