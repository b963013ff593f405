import type { SimRealm } from './sim-realm.ts'

/** Of the directory's log, what a node may lack that follows it without end. */
const LEAVES_BEHIND = 20

/** What keeps a realm with a directory from being at rest: what is decided and not final, and who does not follow it. */
export function directoryDifference(sim: SimRealm): string | undefined {
  const { judge, realm, nodes } = sim
  const truth = judge.directory
  if (truth === undefined) return undefined
  for (const { name, program } of nodes) {
    const size = program?.directory?.log.size ?? 0
    if (truth.size - size > LEAVES_BEHIND)
      return `${name} has ${size} of ${truth.size} leaves of the directory`
  }
  for (const { group, name } of realm.areas) {
    for (const member of sim.membersOf(group)) {
      const status = sim.node(member).program?.finality?.status(group)
      if (status === undefined || status.finalHeight >= status.certifiedHeight) continue
      return `${name}: seal ${status.certifiedHeight} is decided and not final on n${member}`
    }
  }
  return undefined
}
