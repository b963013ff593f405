import { RULES_VERSION } from '../version.ts'
import type { CharterAuthority, DirectoryCharter } from './charter.ts'
import type { DirectoryHost } from './host.ts'
import { BASE_DIGITS } from './limits.ts'
import { DirectoryState } from './state.ts'
import type { AuthorityRecord } from './types.ts'

/** The first state: what the charter says. */
export function beginState(host: DirectoryHost, charter: DirectoryCharter): DirectoryState {
  const { nodes, authorities, operators, recovery, policy } = charter
  const state = new DirectoryState(host, charter)
  state.headers.set(0, {
    ...{ rulesVersion: RULES_VERSION, tick: 0, timeMs: 0, passedMs: 0, resumedMs: 0, blockMs: 0 },
    nextNode: nodes.at(-1)!.number + 1,
    nextGroup: authorities.at(-1)!.group + 1,
    nextOrder: 1,
  })
  state.policies.set(0, policy)
  state.operators.set(0, { operators, recovery })
  for (const node of nodes) state.setNode({ ...node, status: 'admitted', isVouched: true, sponsor: 0 })
  for (const authority of authorities) {
    state.setAuthority(recordOf(charter, authority))
    const { area, kind, group } = authority
    if (kind === 'area') holdTile(state, area!.quadkey, group)
  }
  return state
}

function recordOf({ nodes }: DirectoryCharter, { members, ...facts }: CharterAuthority): AuthorityRecord {
  const keys = new Map(nodes.map(({ number, vote }) => [number, vote]))
  return {
    ...facts,
    members: members.map(node => ({ node, key: keys.get(node)! })),
    ...{ lastEpoch: facts.epoch, leading: members, learners: [], orders: [], orderedMs: 0, lost: undefined },
  }
}

/** The tile is a leaf; those above it, down from its base tile, have been split. */
export function holdTile(state: DirectoryState, quadkey: string, group: number): void {
  for (let digits = BASE_DIGITS; digits < quadkey.length; digits++)
    state.tiles.set(quadkey.slice(0, digits), 0)
  state.tiles.set(quadkey, group)
}
