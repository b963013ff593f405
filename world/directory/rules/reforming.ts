import { bytesEqual } from '../../codec/bytes.ts'
import type { CertifiedSeal } from '../host.ts'
import { ANSWER_MS, MAX_MEMBERS, MAX_REFORMED, REFORM_AGAIN_MS, REFORMING_RULES } from '../limits.ts'
import { reforming } from '../placement/repair.ts'
import { Round } from '../placement/round.ts'
import type { DirectoryState } from '../state.ts'
import type { Anchor, AuthorityRecord, Reforming } from '../types.ts'
import { comparePlaces } from './answer.ts'
import { noteMoves } from './moves.ts'
import { hasLease } from './nodes.ts'
import { keyed } from './orders.ts'

/** Below the first seal: whoever has the charter can begin there. */
const GENESIS: Anchor = {
  ...{ epoch: 0, view: 0, height: 0, size: 0 },
  ...{ hash: new Uint8Array(32), root: new Uint8Array(32) },
}

/**
 * The authority has lost its quorum. From now on it goes on only in a new epoch: whoever is asked freezes those below before it answers,
 * so that nothing can take this back.
 */
export function ask(state: DirectoryState, authority: AuthorityRecord): void {
  const { group, epoch, members } = authority
  const last = state.reformings.get(group)
  if (last?.phase === 'asking' || authority.kind === 'directory') return
  if ((state.rules.get(0)?.version ?? 0) < REFORMING_RULES) return
  authority.lastEpoch++
  state.setAuthority(authority)
  state.setReforming({
    ...{ group, phase: 'asking', epoch: authority.lastEpoch, sinceMs: state.header.passedMs, answers: [] },
    asked: askedOf(authority, last?.asked ?? []),
    voting: last?.voting ?? { epoch, members },
    base: last?.base,
  })
}

/** Those who may vote first: nothing is decided before each of them has answered, or has no lease. */
function askedOf({ members, orders, learners }: AuthorityRecord, before: readonly number[]): number[] {
  const voters = [...members.map(({ node }) => node), ...orders.flatMap(order => order.voters)]
  const others = [...before, ...learners, ...orders.flatMap(order => order.learners)]
  return [...new Set([...voters, ...others])].slice(0, MAX_MEMBERS).sort((a, b) => a - b)
}

/** Nodes that were asked long enough ago and have not answered: they get no lease, so that nobody is waited for in vain. */
export function owingNodes(state: DirectoryState): ReadonlySet<number> {
  const owing = new Set<number>()
  for (const row of state.reformings.rows()) {
    if (row.phase !== 'asking' || state.header.passedMs < row.sinceMs + ANSWER_MS) continue
    for (const node of silentOf(row)) owing.add(node)
  }
  return owing
}

function silentOf({ asked, answers }: Reforming): number[] {
  return asked.filter(node => !answers.some(answer => answer.node === node))
}

/** Begins the new epochs that can begin now, and asks anew where one came to nothing. */
export function reformAll(state: DirectoryState): void {
  if (state.reformings.size === 0) return
  const { header, placement, policy } = state
  const round = new Round(placement, policy, Math.floor(header.passedMs / 1_000))
  let left = MAX_REFORMED
  for (const group of state.reformings.ids()) {
    const row = state.reformings.get(group)!
    if (row.phase === 'asking') {
      if (left > 0 && tryBegin(state, row, round)) left--
    } else if (header.passedMs >= row.sinceMs + REFORM_AGAIN_MS) ask(state, state.authorities.get(group)!)
  }
}

/** Nobody who could still vote below is left. The base is the highest of what is held; below the floor there is none. */
function tryBegin(state: DirectoryState, row: Reforming, round: Round): boolean {
  const isLeased = (node: number): boolean => hasLease(state.presence(node), state.header.passedMs)
  if (silentOf(row).some(isLeased)) return false
  const floor = state.anchors.get(row.group)?.anchor
  const here = row.answers.filter(({ node }) => isLeased(node))
  const base = highestOf(here, floor)
  if (base === undefined) return false
  const isThere = (held: Anchor | undefined): boolean =>
    base === GENESIS || (held !== undefined && bytesEqual(held.hash, base.hash))
  const holders = here.filter(({ held }) => isThere(held)).map(({ node }) => node)
  return begin(state, row, base, holders, round)
}

function highestOf(here: Reforming['answers'], floor: Anchor | undefined): Anchor | undefined {
  let best: Anchor | undefined
  for (const { held } of here) {
    if (held === undefined || !isAtFloor(held, floor)) continue
    if (best === undefined || comparePlaces(held, best) > 0) best = held
  }
  if (best !== undefined || floor !== undefined || here.length === 0) return best
  return GENESIS
}

/** At or above what is final. Of what a quorum has prepared all that is above it by ballot descends from it (docs/finality.md). */
function isAtFloor(held: Anchor, floor: Anchor | undefined): boolean {
  if (floor === undefined || bytesEqual(held.hash, floor.hash)) return true
  return comparePlaces(held, floor) > 0 && held.height > floor.height && held.size > floor.size
}

function begin(
  state: DirectoryState,
  row: Reforming,
  base: Anchor,
  holders: readonly number[],
  round: Round,
): boolean {
  const authority = state.authorities.get(row.group)!
  const chosen = reforming(round, round.facts.authority(row.group)!, holders)
  if (chosen === undefined) return false
  const { header } = state
  const { voters } = chosen
  const learners = holders.filter(node => !voters.includes(node))
  noteMoves(state, authority, [...voters, ...learners])
  authority.epoch = row.epoch
  authority.members = keyed(state, voters)
  authority.leading = voters
  authority.learners = learners
  authority.orders = [{ number: header.nextOrder++, voters, learners, before: row.asked }]
  authority.orderedMs = header.passedMs
  authority.lost = undefined
  state.touchHeader()
  state.setAuthority(authority)
  state.setReforming({ ...row, phase: 'begun', sinceMs: header.passedMs, base })
  return true
}

/** What may be anchored of an epoch that was re-formed is its base or descends from it. */
export function isAboveBase(row: Reforming | undefined, seal: CertifiedSeal): boolean {
  if (row?.base === undefined) return true
  const { hash, height, size } = row.base
  if (seal.height === height) return bytesEqual(seal.hash, hash)
  if (seal.height < height || seal.size <= size) return false
  return seal.height > height + 1 || bytesEqual(seal.previous, hash)
}

/** Whether it is the base of an epoch of which nothing is anchored yet: it may be the floor, and is anchored again, for the new epoch. */
export function isBase(row: Reforming | undefined, { hash }: CertifiedSeal): boolean {
  return row?.base !== undefined && bytesEqual(row.base.hash, hash)
}

/**
 * Something of the present epoch is anchored. A re-formed one has shown that it goes on. One that is being asked for may have new
 * members by it: they are asked too, since they have voted in the epoch that it began.
 */
export function noteAnchored(state: DirectoryState, authority: AuthorityRecord): void {
  const row = state.reformings.get(authority.group)
  if (row === undefined) return
  if (row.phase === 'begun') return state.endReforming(row.group)
  row.asked = askedOf(authority, row.asked)
  row.voting = { epoch: authority.epoch, members: authority.members }
  row.base = undefined
  state.setReforming(row)
}
