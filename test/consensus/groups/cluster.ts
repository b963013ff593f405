import assert from 'node:assert/strict'
import type { Departure } from '../../../consensus/groups/departures.ts'
import type { GroupHostOptions, Members, MembersChange, RoleChange } from '../../../consensus/groups/types.ts'
import type { Store } from '../../../storage/store.ts'
import type { DiskOptions } from '../../../testnet/simulation/disk.ts'
import type { SimContext, SimNode } from '../../../testnet/simulation/node.ts'
import type { Simulation } from '../../../testnet/simulation/simulation.ts'
import { type Chain, type GroupNode, nameOf, START, startNode } from './group-node.ts'

/** A group and its members at its beginning. */
export interface GroupPlan {
  readonly group: number
  readonly voters: readonly number[]
}

export interface ClusterOptions {
  readonly nodes: number
  readonly groups: readonly GroupPlan[]
  readonly host?: Partial<GroupHostOptions>
  readonly disk?: Partial<DiskOptions>
  /** Compacts a group's log whenever it holds this many entries. */
  readonly compactAt?: number
  /** Puts itself between the driver and the disk: for planting bugs. */
  readonly wrapStore?: (store: Store) => Store
  /** The planted bug: a node whose disk was lost takes part as if it were new. */
  readonly forgetsLosses?: boolean
}

/** Slower clocks are those of machines that are suspended. */
const STANDS_STILL = 0.01

export interface SeenRead {
  readonly floor: number
  readonly index: number
  readonly by: string
}

/**
 * Nodes with many groups on the simulator, and a judge that knows of every node: one leader per term, and at every
 * index of a group the same chain wherever and whenever it is delivered.
 */
export class Cluster {
  readonly simulation: Simulation
  readonly options: ClusterOptions
  readonly nodes: SimNode<GroupNode>[] = []
  /** By group: chain values by index, as first seen. */
  readonly #truth = new Map<number, string[]>()
  readonly #leaders = new Map<string, number>()
  /** By group: the highest index of an entry whose proposer was told that it is committed. */
  readonly acknowledged = new Map<number, number>()
  /** By group: the highest index that an answered read has shown. */
  readonly shown = new Map<number, number>()
  /** Reads by what came of them. */
  readonly reads = new Map<string, number>()
  /** What a directory would know: who shall belong to a group that was not left as it was, and who holds it. */
  readonly goals = new Map<number, Members>()
  readonly #holders = new Map<number, Set<number>>()
  readonly #introduced = new Map<number, Set<number>>()
  /** By node and group: what is told of a replica that was removed. */
  readonly #departures = new Map<string, Departure>()
  /** By group and index: the members from there on, as first seen. */
  readonly #members = new Map<string, string>()
  /** Nodes with a new disk that does not say yet that it is not their first. */
  readonly lost = new Set<number>()
  /** Groups that a node may be without its promises in, since its disk was lost. */
  readonly #wiped = new Map<number, Set<number>>()
  leadersSeen = 0
  offers = 0
  membersChanges = 0
  removals = 0

  constructor(simulation: Simulation, options: ClusterOptions) {
    this.simulation = simulation
    this.options = options
    for (let number = 1; number <= options.nodes; number++) {
      const start = (context: SimContext): Promise<GroupNode> => startNode(this, context)
      // Clocks run up to 4 % apart.
      const skew = { wallOffsetMs: number * 1000, rate: 1 + 0.02 * ((number % 3) - 1) }
      const node = simulation.addNode(nameOf(number), start, { skew, disk: options.disk ?? {} })
      this.nodes.push(node)
      node.start()
    }
  }

  groupsOf(number: number): GroupPlan[] {
    return this.options.groups.filter(plan => this.isHolder(plan.group, number))
  }

  isHolder(group: number, number: number): boolean {
    const holders = this.#holders.get(group) ?? this.#planOf(group).voters
    return [...holders].includes(number)
  }

  /** Who was ever ordered to be a member. */
  introduced(group: number): number[] {
    return [...(this.#introduced.get(group) ?? [])]
  }

  #planOf(group: number): GroupPlan {
    return this.options.groups.find(plan => plan.group === group)!
  }

  /** The members that a group shall have: its leader sees to it (GroupNode), nodes that are to hold it open it. */
  order(group: number, goal: Members): void {
    this.goals.set(group, goal)
    const holders = this.#holders.get(group) ?? new Set(this.#planOf(group).voters)
    this.#holders.set(group, holders)
    const members = [...goal.voters, ...goal.learners]
    const introduced = this.#introduced.get(group) ?? new Set()
    this.#introduced.set(group, introduced)
    for (const number of members) introduced.add(number)
    for (const { program } of this.nodes) program?.host.introduce(group, members)
    for (const number of members) {
      if (holders.has(number)) continue
      holders.add(number)
      void this.nodes[number - 1]!.program?.open(this.#planOf(group))
    }
  }

  /** A replica has found out that it was removed. False: it is to be a member again, and stays. */
  sawRemoval(number: number, group: number): boolean {
    const goal = this.goals.get(group)
    if (goal !== undefined && [...goal.voters, ...goal.learners].includes(number)) return false
    this.removals++
    this.#holders.get(group)?.delete(number)
    return true
  }

  /** As its disk would keep it. */
  left(number: number, departure: Departure): void {
    this.#departures.set(`${number}/${departure.group}`, departure)
  }

  leftBy(number: number): Departure[] {
    return [...this.#departures]
      .filter(([key, { group }]) => key === `${number}/${group}` && !this.isHolder(group, number))
      .map(([, departure]) => departure)
  }

  sawMembers(number: number, { group, index, voters, learners, votersOutgoing }: MembersChange): void {
    const key = `${group}/${index}`
    const members = JSON.stringify([voters, learners, votersOutgoing])
    const known = this.#members.get(key)
    if (known === undefined) this.membersChanges++
    this.#members.set(key, known ?? members)
    assert.equal(
      members,
      known ?? members,
      `group ${group} has two sets of members at ${index}, one on node ${number}`,
    )
  }

  votersOf(group: number): readonly number[] {
    return this.goals.get(group)?.voters ?? this.#planOf(group).voters
  }

  /** A new disk for this node, unless that would leave a group with no majority of members that know what they promised. */
  wipe(number: number): boolean {
    const isMinority = this.groupsOf(number).every(({ group }) => {
      const voters = this.votersOf(group)
      const without = voters.filter(voter => voter === number || this.#isWiped(voter, group))
      return 2 * without.length < voters.length
    })
    if (!isMinority) return false
    const node = this.nodes[number - 1]!
    node.crash()
    node.disk.wipe()
    this.lost.add(number)
    this.#wiped.set(number, new Set(this.groupsOf(number).map(({ group }) => group)))
    node.start()
    return true
  }

  #isWiped(number: number, group: number): boolean {
    const status = this.nodes[number - 1]!.program?.host.status(group)
    if (status !== undefined && status.rejoining === undefined) this.#wiped.get(number)?.delete(group)
    return this.#wiped.get(number)?.has(group) === true
  }

  sawLeader(number: number, change: RoleChange): void {
    const key = `${change.group}/${change.term}`
    const known = this.#leaders.get(key)
    if (known === undefined) this.leadersSeen++
    this.#leaders.set(key, known ?? number)
    this.#checkLeases(number, change)
    assert.equal(
      known ?? number,
      number,
      `two leaders in one term: group ${change.group}, term ${change.term}`,
    )
  }

  /** Whoever holds a lease, at this moment, relies on nobody having been elected in a later term. */
  #checkLeases(elected: number, { group, term }: RoleChange): void {
    for (const { program, clock } of this.nodes) {
      if (program === undefined || program.number === elected || !program.host.holdsLease(group)) continue
      // It believes what it believed when its machine fell asleep (see reads.test.ts).
      if (clock.skew.rate < STANDS_STILL) continue
      const { term: leased } = program.host.status(group)!
      const facts = `node ${elected} leads group ${group} in term ${term}, and node ${program.number} has the lease of ${leased}`
      assert.ok(term < leased, facts)
    }
  }

  sawChain(number: number, group: number, chain: Chain): void {
    let truth = this.#truth.get(group)
    if (truth === undefined) {
      truth = [START.value]
      this.#truth.set(group, truth)
    }
    truth[chain.index] ??= chain.value
    assert.equal(
      chain.value,
      truth[chain.index],
      `group ${group} diverged at ${chain.index} on node ${number}`,
    )
  }

  /** No read may show less than this from now on, wherever it is asked for. */
  newestTold(group: number): number {
    return Math.max(this.acknowledged.get(group) ?? 0, this.shown.get(group) ?? 0)
  }

  /** A read that was asked for when `floor` had been told is answered with the state at `index`. */
  sawRead(number: number, group: number, { floor, index, by }: SeenRead): void {
    const facts = `node ${number} reads group ${group} at ${index} by ${by}, and ${floor} was known`
    if (index < floor) this.simulation.fail(new Error(facts))
    this.shown.set(group, Math.max(this.shown.get(group) ?? 0, index))
    this.countRead(by)
  }

  countRead(code: string): void {
    this.reads.set(code, (this.reads.get(code) ?? 0) + 1)
  }

  leaderOf(group: number): GroupNode | undefined {
    for (const node of this.nodes) {
      const program = node.program
      if (program?.host.status(group)?.role === 'leader') return program
    }
    return undefined
  }

  /** Every group has a leader that every live member follows, and nothing is left to commit. */
  isSettled(): boolean {
    return this.options.groups.every(({ group }) => {
      const statuses = this.votersOf(group).map(voter => this.nodes[voter - 1]!.program?.host.status(group))
      const [first] = statuses
      return statuses.every(
        status =>
          status !== undefined &&
          status.leader !== 0 &&
          status.leader === first!.leader &&
          status.applied === first!.applied &&
          status.rejoining === undefined &&
          status.applied === status.lastIndex &&
          status.members.votersOutgoing.length === 0 &&
          sameIds(status.members.voters, this.votersOf(group)) &&
          status.applied >= (this.acknowledged.get(group) ?? 0),
      )
    })
  }

  describe(): string {
    return this.options.groups
      .map(({ group }) => {
        const all = this.nodes.map(({ program }, i) => {
          const status = program?.host.status(group)
          if (status === undefined) return `n${i + 1} ${program === undefined ? 'down' : 'without'}`
          const { role, term, leader, commit, applied, firstIndex, lastIndex, asleep } = status
          const { voters, votersOutgoing, learners } = status.members
          const members = `[${voters}][${votersOutgoing}][${learners}]`
          return `n${i + 1} ${status.rejoining?.phase ?? ''} ${role} t${term} l${leader} c${commit} a${applied} ${firstIndex}..${lastIndex} ${members}${asleep ? ' asleep' : ''}`
        })
        return `group ${group} ack ${this.acknowledged.get(group) ?? 0} goal ${this.votersOf(group)}: ${all.join(' | ')}`
      })
      .join('\n')
  }

  committedTotal(): number {
    let total = 0
    for (const truth of this.#truth.values()) total += truth.length - 1
    return total
  }
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every(id => b.includes(id))
}
