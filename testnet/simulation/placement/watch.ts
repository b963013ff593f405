/** What holds between ticks: the dead are replaced in time, who leaves can go, and the lost are told. */
import type { SimArea } from './fleet.ts'
import { LEASE_TICKS, type Measures, SILENT_TICKS, STUCK_TICKS } from './measures.ts'
import { demand } from './violation.ts'

/** A member that is dead is replaced in so many ticks, where nothing else befell the area meanwhile. */
const REPLACED_TICKS = 10
/** A change of members is done in so many. */
const CHANGED_TICKS = 4
/** An order can keep an area from being called lost for so many. */
const DECIDED_TICKS = 5
/** Of more areas than these the others wait for their turn. */
const REPAIRED_AT_A_TIME = 128
/** Whoever leaves votes nowhere any more after so many. */
const VACATED_TICKS = 120
const MOST_FETCHES = 16

export class Watch {
  readonly #measures: Measures
  /** By group: the tick at which something else last befell the area: another member fell, or it had no quorum. */
  readonly #hit = new Map<number, number>()
  /** By group: the last tick of a change that was under way when a member fell. */
  readonly #busy = new Map<number, number>()
  /** By group: the last tick at which nobody could have taken the place of a member that fell. */
  readonly #alone = new Map<number, number>()
  /** By group: since when the change is under way that was seen last. */
  readonly #changing = new Map<number, number>()
  #turns = 0
  /** By node: since when it wants to leave. */
  readonly #leaving = new Map<number, number>()

  constructor(measures: Measures) {
    this.#measures = measures
  }

  watch(tick: number): void {
    const fails = (area: SimArea): boolean =>
      [...area.voters, ...area.learners].some(each => !this.#measures.isUp(this.#measures.node(each)))
    const failing = [...this.#measures.ledger.areas.values()].filter(fails).length
    // After so many ticks more all of them have had their turn.
    this.#turns = 2 * Math.floor(failing / REPAIRED_AT_A_TIME)
    for (const area of this.#measures.ledger.areas.values()) {
      const about = `area ${area.group} at ${tick}: `
      this.#watchDead(area, tick, about)
      if (area.voters.length > 0 && area.lost === undefined)
        demand(
          this.#measures.quorum(area.voters, tick, LEASE_TICKS) ||
            (area.pending !== undefined && tick - area.pending.sinceTick <= DECIDED_TICKS),
          () => `${about}lost, and nobody was told`,
        )
    }
    for (const node of this.#measures.ledger.nodes.values()) {
      const { fetches } = this.#measures.ledger.facts.carried(node.number)
      demand(fetches <= MOST_FETCHES, () => `node ${node.number} at ${tick} fetches ${fetches} replicas`)
    }
  }

  #watchDead(area: SimArea, tick: number, about: string): void {
    const { voters, learners, pending, lost } = area
    const members = [...voters, ...learners, ...(pending?.voters ?? []), ...(pending?.learners ?? [])]
    const fallen = members.map(each => this.#measures.node(each)).filter(node => !this.#measures.isUp(node))
    const newest = Math.max(0, ...fallen.map(node => node.downTick))
    const oldest = Math.min(tick, ...fallen.map(node => node.downTick))
    if (lost !== undefined || !this.#measures.quorum(voters, tick) || newest > oldest || voters.length < 4)
      this.#hit.set(area.group, tick)
    // A change that began before has to end first.
    if (pending !== undefined && pending.sinceTick < newest + SILENT_TICKS - 2)
      this.#busy.set(area.group, tick)
    // Who was to come was sent away in the middle of it.
    const before = this.#changing.get(area.group)
    if (pending === undefined) this.#changing.delete(area.group)
    else this.#changing.set(area.group, pending.sinceTick)
    if (pending !== undefined && before !== undefined && before !== pending.sinceTick)
      this.#busy.set(area.group, tick)
    if (fallen.length > 0 && this.#measures.ample(area, members, tick).length === 0)
      this.#alone.set(area.group, tick)
    const hit = this.#hit.get(area.group) ?? 0
    const due = Math.max(
      newest + REPLACED_TICKS + this.#turns,
      (this.#alone.get(area.group) ?? -REPLACED_TICKS) + REPLACED_TICKS + this.#turns,
      (this.#busy.get(area.group) ?? 0) + CHANGED_TICKS,
      hit === 0 ? 0 : hit + STUCK_TICKS,
    )
    const since = Math.max(hit, newest)
    const dead = voters.find(voter => !this.#measures.isUp(this.#measures.node(voter)))
    if (dead !== undefined && tick > due)
      demand(
        false,
        () => `${about}${dead} is dead since ${this.#measures.node(dead).downTick}, and still a voter`,
      )
    const leaves = area.voters.find(voter => this.#measures.node(voter).status === 'leaving')
    const left = leaves === undefined ? undefined : this.#leavingSince(leaves, tick)
    if (left !== undefined && tick - Math.max(left, since) > VACATED_TICKS)
      demand(false, () => `${about}${leaves} wants to leave since ${left}, and is still a voter`)
  }

  #leavingSince(number: number, tick: number): number {
    const since = this.#leaving.get(number) ?? tick
    this.#leaving.set(number, since)
    return since
  }
}
