import { LEASE_OVER_MS, MAX_STEP_MS } from '../limits.ts'
import { place } from '../placement/place.ts'
import type { AuthorityFacts, Decision, NodeFacts } from '../placement/types.ts'
import { reputationOf } from '../reputation.ts'
import type { DirectoryState } from '../state.ts'
import type { AuthorityRecord, NodeRecord, NodeReport, NodeStatus, Resources } from '../types.ts'
import { noteMoves } from './moves.ts'
import { order, pendingOf } from './orders.ts'
import { ask, reformAll } from './reforming.ts'

const nothing = { cpu: 0, memory: 0, disk: 0, bandwidth: 0 }
/** The reference node, which has 1,000 of each resource: one core, 1 GiB, 10 GiB, 10 Mbit/s. */
const reference: Resources = { cpu: 1_000, memory: 1_024, disk: 10_240, bandwidth: 10_000 }
/** Of what nobody knows there is enough. */
const enough = 1_000_000_000
const RESOURCES = ['cpu', 'memory', 'disk', 'bandwidth'] as const
const statuses: Readonly<Record<NodeStatus, NodeFacts['status']>> = {
  ...{ admitted: 'active', active: 'active', leaving: 'leaving', retired: 'gone', banned: 'gone' },
}
/** How long a founder that was never heard is waited for: a network is not started in one moment. */
const START_TICKS = 60
/** How long those are waited for who were there before an outage of the directory: a power cut ends everywhere, but not in one moment. */
const RETURN_TICKS = 30
/** What one replica costs that has nothing to do, and one of the directory, in thousandths of the reference node. */
const IDLE_WEIGHT = 5
const DIRECTORY_WEIGHT = 50
const PLAYERS_PER_WEIGHT = 10

/**
 * Placement's ticks are seconds of directory time. What it is told of a node or an authority follows from their rows alone, so
 * that only changed ones have to be told, and a restored replica tells the same.
 */
const tickOf = (ms: number): number => Math.floor(ms / MAX_STEP_MS)

/** Decides who shall hold what, and writes it down. */
export function placeAll(state: DirectoryState): void {
  tellPlacement(state)
  const { header, placement, policy } = state
  for (const decision of place(placement, policy, tickOf(header.passedMs))) carryOut(state, decision)
  reformAll(state)
}

function tellPlacement(state: DirectoryState): void {
  const { placement, movedNodes, movedGroups } = state
  for (const number of movedNodes) {
    const node = state.nodes.get(number)
    if (node === undefined) placement.dropNode(number)
    else placement.putNode(nodeFacts(state, node))
  }
  for (const group of movedGroups)
    placement.putAuthority(authorityFacts(state, state.authorities.get(group)!))
  movedNodes.clear()
  movedGroups.clear()
}

function nodeFacts(state: DirectoryState, node: NodeRecord): NodeFacts {
  const { number, operator, addresses, status } = node
  const report = state.reports.get(number)
  const presence = state.presence(number)
  const { isHeard, renewedMs, sinceMs, movedMs } = presence
  return {
    ...{ number, operator, host: hostOf(addresses[0]!), status: statuses[status] },
    ...resourcesOf(report),
    roundTripsMs: new Map(report?.roundTrips.map(({ node, ms }) => [node, ms])),
    heardTick: isHeard ? heardTick(state, renewedMs) : START_TICKS,
    sinceTick: isHeard ? tickOf(sinceMs) : START_TICKS,
    trust: reputationOf(node, presence, state.policy, renewedMs).trust,
    movedTick: tickOf(movedMs),
  }
}

function heardTick({ header: { resumedMs } }: DirectoryState, renewedMs: number): number {
  const wasThere = renewedMs < resumedMs && resumedMs <= renewedMs + LEASE_OVER_MS
  return wasThere ? tickOf(resumedMs) + RETURN_TICKS : tickOf(renewedMs)
}

/** Thousandths of the reference node: what it has, and what is used of that. Nothing, for one that has not said. */
function resourcesOf(report: NodeReport | undefined): Pick<NodeFacts, 'capacity' | 'load'> {
  if (report === undefined || RESOURCES.every(name => report.capacity[name] === 0))
    return { capacity: nothing, load: nothing }
  const capacity = { ...nothing }
  const load = { ...nothing }
  for (const name of RESOURCES) {
    const given = report.capacity[name]
    capacity[name] = given === 0 ? enough : Math.min(enough, Math.floor((given * 1_000) / reference[name]))
    load[name] = given === 0 ? 0 : Math.floor((capacity[name] * Math.min(report.load[name], 1_000)) / 1_000)
  }
  return { capacity, load }
}

/** `/ip4/10.0.0.1` of `/ip4/10.0.0.1/tcp/7777`. */
function hostOf(address: string): string {
  return address.split('/').slice(0, 3).join('/')
}

function authorityFacts(state: DirectoryState, authority: AuthorityRecord): AuthorityFacts {
  const { group, kind, leading, learners, orderedMs } = authority
  // What is being re-formed gets no other order, even when those are back who were lost.
  const isAsked = state.reformings.get(group)?.phase === 'asking'
  const lost = authority.lost ?? (isAsked ? [] : undefined)
  const load = state.loads.get(group)
  const players = load?.players ?? 0
  const pending = pendingOf(authority)
  const sinceTick = tickOf(orderedMs)
  return {
    ...{ group, kind, players, voters: leading, learners, sinceTick, lost },
    weight: kind === 'directory' ? DIRECTORY_WEIGHT : IDLE_WEIGHT + Math.floor(players / PLAYERS_PER_WEIGHT),
    pending: pending && { voters: pending.voters, learners: pending.learners, sinceTick },
    wantedNear: load?.gateways ?? [],
  }
}

function carryOut(state: DirectoryState, decision: Decision): void {
  const authority = state.authorities.get(decision.group)!
  if (decision.kind === 'order') {
    noteMoves(state, authority, [...decision.voters, ...decision.learners])
    return order(state, authority, decision)
  }
  if (decision.kind === 'lead') {
    authority.leading = decision.voters
    authority.orderedMs = state.header.passedMs
  } else authority.lost = decision.kind === 'lost' ? decision.holders : undefined
  state.setAuthority(authority)
  if (decision.kind === 'lost') ask(state, authority)
}
