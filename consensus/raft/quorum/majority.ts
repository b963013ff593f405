/** How far each voter is known to have come. */
export interface AckedIndex {
  /** The last index that this voter acknowledged, −1 when nothing is known of it. */
  ackedIndex(id: number): number
}

export type VoteResult = 'pending' | 'lost' | 'won'

/**
 * The highest index that a majority of `voters` has acknowledged (Raft paper 5.3). An empty set agrees to
 * everything, so that the empty half of a joint configuration never holds the other half back.
 */
export function majorityCommittedIndex(voters: readonly number[], acked: AckedIndex): number {
  const count = voters.length
  if (count === 0) return Number.POSITIVE_INFINITY
  // Insertion sort, descending: the groups are small, and a comparator would be called for every ack.
  const sorted: number[] = []
  for (let i = 0; i < count; i++) {
    const index = Math.max(0, acked.ackedIndex(voters[i]!))
    let at = i
    while (at > 0 && sorted[at - 1]! < index) {
      sorted[at] = sorted[at - 1]!
      at--
    }
    sorted[at] = index
  }
  return sorted[count >> 1]!
}

/** Whether a majority of `voters` said yes, can still say yes, or never will. An empty set is won. */
export function majorityVoteResult(
  voters: readonly number[],
  votes: ReadonlyMap<number, boolean>,
): VoteResult {
  if (voters.length === 0) return 'won'
  let granted = 0
  let missing = 0
  for (const id of voters) {
    const vote = votes.get(id)
    if (vote === undefined) missing++
    else if (vote) granted++
  }
  const needed = (voters.length >> 1) + 1
  if (granted >= needed) return 'won'
  return granted + missing >= needed ? 'pending' : 'lost'
}
