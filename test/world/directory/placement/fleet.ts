import { PlacementFacts } from '../../../../world/directory/placement/facts.ts'
import type { AuthorityFacts, NodeFacts } from '../../../../world/directory/placement/types.ts'

const AMPLE = { cpu: 1_000, memory: 1_000, disk: 1_000, bandwidth: 1_000 }
const NONE = { cpu: 0, memory: 0, disk: 0, bandwidth: 0 }

export function node(number: number, more: Partial<NodeFacts> = {}): NodeFacts {
  return {
    number,
    operator: `operator ${number}`,
    host: `host ${number}`,
    status: 'active',
    capacity: AMPLE,
    load: NONE,
    roundTripsMs: new Map(),
    heardTick: 1_000,
    sinceTick: 0,
    trust: 1_000,
    movedTick: 0,
    ...more,
  }
}

export function area(group: number, more: Partial<AuthorityFacts> = {}): AuthorityFacts {
  return {
    group,
    kind: 'area',
    weight: 100,
    players: 10,
    voters: [],
    learners: [],
    sinceTick: 0,
    wantedNear: [],
    ...more,
  }
}

/** Nodes that were heard at tick 1,000. */
export function factsOf(nodes: readonly NodeFacts[], areas: readonly AuthorityFacts[]): PlacementFacts {
  const facts = new PlacementFacts()
  for (const each of nodes) facts.putNode(each)
  for (const each of areas) facts.putAuthority(each)
  return facts
}
