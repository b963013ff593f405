import { LEASE_OVER_MS } from '../../world/directory/limits.ts'
import { reputationOf } from '../../world/directory/reputation.ts'
import { blockHash } from '../../world/directory/rules/block.ts'
import { secondsOf } from '../../world/directory/rules/command.ts'
import { pendingOf } from '../../world/directory/rules/orders.ts'
import type { DirectoryState } from '../../world/directory/state.ts'
import type { AuthorityRecord, NodeRecord } from '../../world/directory/types.ts'
import type { DirectoryStatusView, NodeSeats, NodeStandingView, OrderView } from '../http/directory-view.ts'
import { peerIdOfPublicKey } from '../network/peer-id.ts'

/** Of orders and dark authorities so many are listed, of what a node holds so many names; all are counted. */
const maxListed = 1_000
const maxNames = 16

export interface DirectoryStatusParts {
  readonly origin: string
  /** Leaves that the state stands on. */
  readonly size: number
  readonly createdAtMs: number
  /** Node that leads the directory, as far as this one knows; 0: none. */
  readonly leader: number
}

/** The network as its directory has it. */
export function directoryStatus(state: DirectoryState, parts: DirectoryStatusParts): DirectoryStatusView {
  const { header, policy } = state
  const authorities = [...state.authorities.rows()].sort((a, b) => a.group - b.group)
  const directory = authorities.find(({ kind }) => kind === 'directory')!
  const { operators, recovery } = state.operators.get(0)!
  const orders = authorities.flatMap(authority => orderViews(authority, header.passedMs))
  const dark = authorities.flatMap(({ name, lost }) => (lost === undefined ? [] : [{ name, holders: lost }]))
  const seats = seatsOf(authorities)
  return {
    ...{ network: state.charter.network, origin: parts.origin, size: parts.size },
    ...{ createdAtMs: parts.createdAtMs, timeMs: header.timeMs, epoch: directory.epoch },
    seconds: secondsOf(state),
    coordinator: parts.leader,
    vice: directory.leading.find(node => node !== parts.leader) ?? 0,
    block: blockView(state),
    policy,
    operators: operators.map(({ name, key }) => ({ name, key: base64(key) })).sort(byName),
    recovery: { keys: recovery.keys.map(base64), threshold: recovery.threshold },
    nodes: state.nodes.ids().map(id => nodeView(state, state.nodes.get(id)!, seats.get(id) ?? noSeats)),
    authorities: authorities.length,
    orderCount: orders.length,
    orders: orders.slice(0, maxListed),
    darkCount: dark.length,
    dark: dark.slice(0, maxListed),
  }
}

function blockView(state: DirectoryState): DirectoryStatusView['block'] {
  const block = state.blocks.get(0)
  if (block === undefined) return null
  const { number, timeMs, certificates, records } = block
  const hash = Buffer.from(blockHash(state.host, block)).toString('hex')
  return { number, timeMs, hash, certificates: certificates.count, records }
}

function orderViews(authority: AuthorityRecord, passedMs: number): OrderView[] {
  const order = pendingOf(authority)
  if (order === undefined) return []
  const members = authority.members.map(({ node }) => node)
  const { number, voters, learners } = order
  return [
    {
      ...{ name: authority.name, number, members, voters, learners },
      forMs: Math.max(0, passedMs - authority.orderedMs),
    },
  ]
}

const noSeats: NodeSeats = { held: 0, led: 0, follows: 0, names: [] }

function seatsOf(authorities: readonly AuthorityRecord[]): Map<number, NodeSeats> {
  const seats = new Map<number, { held: number; led: number; follows: number; names: string[] }>()
  const seatOf = (node: number) => {
    const seat = seats.get(node) ?? { held: 0, led: 0, follows: 0, names: [] }
    seats.set(node, seat)
    return seat
  }
  for (const { name, members, leading, learners } of authorities) {
    for (const { node } of members) {
      const seat = seatOf(node)
      seat.held++
      if (leading[0] === node) seat.led++
      if (seat.names.length < maxNames) seat.names.push(name)
    }
    for (const node of learners) seatOf(node).follows++
  }
  return seats
}

function nodeView(state: DirectoryState, node: NodeRecord, seats: NodeSeats): NodeStandingView {
  const { number, identity, operator, addresses, status, isVouched, sponsor } = node
  const { passedMs } = state.header
  const presence = state.presence(number)
  const leaseMs = presence.renewedMs + LEASE_OVER_MS - passedMs
  const { uptime, participation, invalidProposals, trust } = reputationOf(
    ...([node, presence, state.policy, passedMs] as const),
  )
  return {
    ...{ number, peerId: peerIdOfPublicKey(identity), operator, addresses, status, isVouched, sponsor },
    version: state.reports.get(number)?.version ?? '',
    leaseMs: presence.isHeard && leaseMs >= 0 ? leaseMs : null,
    ...{ uptime, participation, invalidProposals, trust },
    ...seats,
  }
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
