import { LEASE_OVER_MS, MEMORY_MS } from './limits.ts'
import type { NodeRecord, Policy, Presence } from './types.ts'

/** How far a node is trusted, of logged facts only. In thousandths, but for `invalidProposals`, which is a count. */
export interface Reputation {
  /** The part of the time since it was first heard in which it had a lease. */
  readonly uptime: number
  /** Of the world blocks in which something was anchored that it was a member of, those in which it signed some of that. */
  readonly participation: number
  readonly invalidProposals: number
  readonly trust: number
}

const VOUCHED_TRUST = 500
/** For being known as long as the policy wants, in proportion. */
const MAX_EARNED = 350
const MAX_FOR_TAKING_PART = 150
/** Each costs a third of all. */
const INVALID_COST = 334
const ALL = 1000

/**
 * trust = vouched (500) + ⌊350 × uptime × known⌋ + ⌊150 × participation⌋ − 334 × invalid proposals, from 0 to 1,000, where known is how
 * long it has been known of what the policy wants (`trustS`), at most 1: all in whole numbers, each division rounded down.
 */
export function reputationOf(
  { isVouched }: NodeRecord,
  presence: Presence,
  { trustS }: Policy,
  passedMs: number,
): Reputation {
  const { isHeard, renewedMs, leasedMs, expectedBlocks, signedBlocks, invalidProposals } = presence
  const sinceMs = isHeard ? passedMs - renewedMs : 0
  const knownMs = presence.knownMs + sinceMs
  const upMs = leasedMs + Math.min(sinceMs, LEASE_OVER_MS)
  const uptime = knownMs === 0 ? 0 : Math.floor((ALL * upMs) / knownMs)
  const participation = expectedBlocks === 0 ? 0 : Math.floor((ALL * signedBlocks) / expectedBlocks)
  const knownS = Math.min(Math.floor(knownMs / 1000), trustS)
  const knownPart = Math.floor((ALL * knownS) / trustS)
  const earned = Math.floor((MAX_EARNED * uptime * knownPart) / (ALL * ALL))
  const forTakingPart = Math.floor((MAX_FOR_TAKING_PART * participation) / ALL)
  const sum = (isVouched ? VOUCHED_TRUST : 0) + earned + forTakingPart - INVALID_COST * invalidProposals
  return { uptime, participation, invalidProposals, trust: Math.max(0, Math.min(ALL, sum)) }
}

/** Halves what is remembered, when it is of more than two weeks: so it is never more than that, and the last week counts most. */
export function fade(presence: Presence): void {
  if (presence.knownMs < 2 * MEMORY_MS) return
  for (const field of ['knownMs', 'leasedMs', 'expectedBlocks', 'signedBlocks', 'invalidProposals'] as const)
    presence[field] = Math.floor(presence[field] / 2)
}

/** A fault that only this node could have made, in an input under its signature. */
export function countInvalid(presence: Presence): void {
  presence.invalidProposals = Math.min(presence.invalidProposals + 1, 0xffff)
}
