import type { DirectoryState } from '../state.ts'
import type { AuthorityRecord } from '../types.ts'

/** Whoever gets a replica, or loses one, is left alone for a while. */
export function noteMoves(
  state: DirectoryState,
  { members, learners }: AuthorityRecord,
  named: readonly number[],
): void {
  const were = [...members.map(({ node }) => node), ...learners]
  const moved = [...were.filter(node => !named.includes(node)), ...named.filter(node => !were.includes(node))]
  for (const number of moved) {
    if (state.nodes.get(number) === undefined) continue
    const presence = state.presence(number)
    presence.movedMs = state.header.passedMs
    state.setPresence(number, presence)
  }
}
