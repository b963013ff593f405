import { MIN_VOTERS } from './limits.ts'

/** Votes that decide among n members: ⌈(n + f + 1) / 2⌉ with f = ⌊(n − 1) / 3⌋ (docs/finality.md). */
export function quorumOf(members: number): number {
  const faults = Math.floor((members - 1) / 3)
  return Math.floor((members + faults + 2) / 2)
}

/** How many of n voters one change may bring in: so many as a quorum can do without, but one. */
export function newcomersAllowed(members: number): number {
  return Math.max(1, members - quorumOf(members))
}

/** How many voters an authority should have among so many nodes that may vote: one is left over to replace another. */
export function votersWanted(replicas: number, nodes: number): number {
  return Math.max(Math.min(MIN_VOTERS, nodes), Math.min(replicas, nodes - 1))
}
