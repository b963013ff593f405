import type { GroupStatus, Members, PeerStatus } from './types.ts'

/** A new member that lacks no more entries than this, while appends flow to it, has caught up. */
const MAX_LAG_ENTRIES = 64

/** What the leader is to do next, so that a group comes to have other members. */
export type ReplacementStep =
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly for: 'leader' | 'change' | 'catch-up' }
  | { readonly kind: 'change'; readonly members: Members }
  | { readonly kind: 'transfer'; readonly to: number }

/**
 * From the members that a group has to those that it shall have, so that the group never waits for a member that has
 * nothing yet: new voters come as learners, and get their votes, all in one change, when they have caught up; a leader
 * that shall leave hands over first. It keeps nothing in mind: any leader that knows the goal goes on where the last one
 * left it.
 */
export function nextReplacementStep(goal: Members, status: GroupStatus): ReplacementStep {
  const { members, peers, role } = status
  if (role !== 'leader') return { kind: 'wait', for: 'leader' }
  if (members.votersOutgoing.length > 0) return { kind: 'wait', for: 'change' }
  if (sameIds(members.voters, goal.voters) && sameIds(members.learners, goal.learners))
    return { kind: 'done' }
  const known = [...members.voters, ...members.learners]
  const missing = goal.voters.filter(voter => !known.includes(voter))
  if (missing.length > 0) {
    const { voters, learners } = members
    return { kind: 'change', members: { voters, learners: [...learners, ...missing] } }
  }
  const lags = goal.voters.some(voter => !members.voters.includes(voter) && !hasCaughtUp(voter, status))
  if (lags) return { kind: 'wait', for: 'catch-up' }
  const heir = goal.voters.includes(status.self) ? undefined : bestHeir(peers, goal)
  return heir === undefined ? { kind: 'change', members: goal } : { kind: 'transfer', to: heir }
}

/** What a leader is to do next where the members decide by a seal who votes, so that only learners come and go meanwhile. */
export type SuccessionStep =
  | { readonly kind: 'done' | 'wait' | 'seal' }
  | { readonly kind: 'change'; readonly members: Members }

/** Those who shall vote come as learners; when they have caught up a seal may name them. */
export function nextSuccessionStep(goal: Members, status: GroupStatus): SuccessionStep {
  const { voters, learners, votersOutgoing } = status.members
  if (status.role !== 'leader' || votersOutgoing.length > 0) return { kind: 'wait' }
  const isVoter = (node: number): boolean => voters.includes(node)
  const others = [...goal.voters, ...goal.learners].filter(node => !isVoter(node))
  if (!sameIds(learners, others)) return { kind: 'change', members: { voters, learners: others } }
  if (sameIds(voters, goal.voters)) return { kind: 'done' }
  const isReady = goal.voters.every(node => isVoter(node) || hasCaughtUp(node, status))
  return { kind: isReady ? 'seal' : 'wait' }
}

function hasCaughtUp(node: number, { peers, lastIndex }: GroupStatus): boolean {
  const peer = peers.find(each => each.peer === node)
  return peer?.state === 'replicate' && lastIndex - peer.match <= MAX_LAG_ENTRIES
}

/** A voter that stays, and can lead at once. */
function bestHeir(peers: readonly PeerStatus[], { voters }: Members): number | undefined {
  const heirs = peers.filter(
    ({ peer, learner, active, state }) =>
      voters.includes(peer) && !learner && active && state === 'replicate',
  )
  return heirs.sort((a, b) => b.match - a.match)[0]?.peer
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every(id => b.includes(id))
}
