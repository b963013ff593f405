import { allAreWhole } from './disk.ts'
import { type Fault, type Field, pick, shuffled } from './fault.ts'

/** So many can lose one of them and go on. */
const LEAST_VOTERS = 3

export const MEMBERSHIP_FAULTS = {
  /** An area gets other members, while everything else goes on. Nothing is mended: it comes about, or is not over. */
  membership: { counters: ['member-added', 'member-removed', 'members-replaced'], inject: changeMembers },
} satisfies Record<string, Fault>

function changeMembers(field: Field): void {
  const { simulation, directory, realm, nodes } = field
  const { random } = simulation
  // Else areas would mostly only grow.
  const grown = realm.areas.filter(area => field.votersOf(area.group).length > LEAST_VOTERS)
  const shrinks = grown.length > 0 && random.chance(0.5)
  const { group } = pick(random, shrinks ? grown : realm.areas)
  // A node whose disk was lost once waits, in a group that is new to it, for every voter: none may be lost meanwhile.
  if (directory.isChanging(group) || !allAreWhole(field)) return
  const now = field.votersOf(group)
  const others = shuffled(
    random,
    nodes.map((_, i) => i + 1).filter(number => !now.includes(number)),
  )
  const ways: [string, number[]][] = []
  if (others.length > 0 && !shrinks) ways.push(['member-added', [...now, others[0]!]])
  if (now.length > LEAST_VOTERS) ways.push(['member-removed', shuffled(random, now).slice(1)])
  if (others.length > 0 && !shrinks) {
    const coming = others.slice(0, 1 + random.below(others.length))
    ways.push(['members-replaced', [...shuffled(random, now).slice(coming.length), ...coming]])
  }
  if (ways.length === 0) return
  const [counter, voters] = pick(random, ways)
  directory.order(group, { voters: voters.sort((a, b) => a - b), learners: [] }, counter)
}
