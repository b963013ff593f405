import { newcomersOf } from './facts.ts'
import { DECIDED_TICKS, LOST_TICKS, STUCK_TICKS } from './limits.ts'
import { quorumOf } from './quorum.ts'
import type { Round } from './round.ts'
import { ascending } from './sorted.ts'
import type { AuthorityFacts, Found, Lost } from './types.ts'

/** Whether enough of them can be reached to decide anything. */
export function hasQuorum(round: Round, voters: readonly number[], forTicks?: number): boolean {
  return voters.filter(voter => round.isHeard(voter, forTicks)).length >= quorumOf(voters.length)
}

/** That it has lost its quorum, has other holders since, or has its quorum again; undefined when nothing new is to be said. */
export function lossOf(round: Round, authority: AuthorityFacts): Lost | Found | undefined {
  const { group, voters, learners, pending, lost } = authority
  if (voters.length === 0) return undefined
  if (hasQuorum(round, voters, lost === undefined ? LOST_TICKS : undefined))
    return lost === undefined ? undefined : { kind: 'found', group }
  // Its next members may have decided already, and the certificate that says so not be anchored yet.
  if (lost === undefined && pending !== undefined && round.tick - pending.sinceTick <= DECIDED_TICKS) {
    if (hasQuorum(round, pending.voters, LOST_TICKS)) return undefined
  }
  const members = [...voters, ...learners, ...(pending?.voters ?? [])]
  const holders = ascending(members.filter(member => round.isHeard(member)))
  if (lost !== undefined && lost.join() === holders.join()) return undefined
  return { kind: 'lost', group, holders }
}

/** Whether its order will not be done: who should come can't, or it takes too long. */
export function isStuck(round: Round, authority: AuthorityFacts): boolean {
  const { pending } = authority
  if (pending === undefined) return false
  return (
    round.tick - pending.sinceTick >= STUCK_TICKS ||
    newcomersOf(authority).some(newcomer => !round.isHeard(newcomer))
  )
}
