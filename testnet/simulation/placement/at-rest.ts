import { DEFAULT_POLICY } from '../../../world/directory/placement/types.ts'
import type { SimArea, SimNode } from './fleet.ts'
import { clashes, type Measures, REPLICA_TRUST } from './measures.ts'
import { demand } from './violation.ts'

/** When nothing has happened for long, everything is as it should be. */
export function demandRest(measures: Measures, tick: number): void {
  const nodes = [...measures.ledger.nodes.values()]
  const able = nodes.filter(node => measures.takes(node, tick) && node.trust >= REPLICA_TRUST)
  const wanted = Math.max(Math.min(3, able.length), Math.min(DEFAULT_POLICY.replicas, able.length - 1))
  for (const area of measures.ledger.areas.values()) demandWhole(measures, area, wanted, tick)
  for (const node of nodes) demandRoom(measures, node, tick)
}

function demandWhole(measures: Measures, area: SimArea, wanted: number, tick: number): void {
  const about = `area ${area.group} at rest: `
  if (area.lost !== undefined) return
  demand(area.pending === undefined, () => `${about}a change that does not end`)
  const members = [...area.voters, ...area.learners]
  const free = measures.ample(area, members, tick)
  const voting = free.filter(node => node.trust >= REPLICA_TRUST)
  demand(
    area.voters.length >= wanted || voting.length === 0,
    () => `${about}${area.voters.length} voters, though there are nodes for more`,
  )
  demand(
    area.learners.length >= DEFAULT_POLICY.observers || free.length === 0,
    () => `${about}${area.learners.length} observers, though there are nodes for more`,
  )
  for (const voter of area.voters) {
    demand(measures.isUp(measures.node(voter)) || voting.length === 0, () => `${about}${voter} is dead`)
    const others = measures.nodes(area.voters.filter(each => each !== voter))
    const clash = clashes(measures.node(voter), others)
    const better = clash === 0 ? undefined : voting.find(node => clashes(node, others) < clash)
    demand(
      better === undefined,
      () => `${about}${voter} stands beside its like, and ${better!.number} would not`,
    )
  }
  for (const learner of area.learners) {
    const others = measures.nodes(members.filter(each => each !== learner))
    const clash = clashes(measures.node(learner), others)
    const better = clash === 0 ? undefined : free.find(node => clashes(node, others) < clash)
    demand(
      better === undefined,
      () => `${about}${learner} observes beside its like, and ${better!.number} would not`,
    )
  }
  measures.demandLeader(area.voters, tick, about)
}

function demandRoom(measures: Measures, node: SimNode, tick: number): void {
  if (!measures.isUp(node) || measures.used(node) <= node.capacity || node.foreign > node.capacity / 4) return
  const { groups } = measures.ledger.facts.carried(node.number)
  const movable = groups.find(group => {
    const area = measures.ledger.areas.get(group)!
    const free = measures.ample(area, [...area.voters, ...area.learners], tick)
    const others = measures.nodes(area.voters)
    return free.some(each => each.trust >= REPLICA_TRUST && clashes(each, others) === 0)
  })
  demand(movable === undefined, () => `node ${node.number} at rest: more than it has, and others have room`)
}
