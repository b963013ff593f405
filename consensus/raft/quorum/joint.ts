import { type AckedIndex, majorityCommittedIndex, majorityVoteResult, type VoteResult } from './majority.ts'

/** In a joint configuration both majorities must agree (Raft thesis 4.3). */
export function jointCommittedIndex(
  incoming: readonly number[],
  outgoing: readonly number[],
  acked: AckedIndex,
): number {
  const index = majorityCommittedIndex(incoming, acked)
  return outgoing.length === 0 ? index : Math.min(index, majorityCommittedIndex(outgoing, acked))
}

export function jointVoteResult(
  incoming: readonly number[],
  outgoing: readonly number[],
  votes: ReadonlyMap<number, boolean>,
): VoteResult {
  const first = majorityVoteResult(incoming, votes)
  const second = majorityVoteResult(outgoing, votes)
  if (first === second) return first
  return first === 'lost' || second === 'lost' ? 'lost' : 'pending'
}
