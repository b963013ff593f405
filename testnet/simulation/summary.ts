import { FAULTS, namesFor } from './authorities/faults/list.ts'
import type { SimulationPlan } from './authorities/run.ts'
import { commandOf } from './options.ts'
import type { Outcome } from './outcome.ts'

/** In a run of fewer or shorter seeds a rare fault may well not have happened. */
const ENOUGH = { seeds: 20, seconds: 60 }

/** All seeds of one run together. */
export class Summary {
  readonly failed: { readonly seed: number; readonly problem: string; readonly replay: string }[] = []
  readonly faults = new Map<string, number>()
  readonly counters = new Map<string, number>()
  readonly #plans: readonly SimulationPlan[]
  #seeds = 0

  /** @param plans of the seeds whose outcomes are added, in order */
  constructor(plans: readonly SimulationPlan[]) {
    this.#plans = plans
  }

  get seeds(): number {
    return this.#seeds
  }

  add({ seed, faults, counters, problem }: Outcome): void {
    const plan = this.#plans[this.#seeds++]!
    addAll(this.faults, faults)
    addAll(this.counters, counters)
    if (problem !== undefined) this.failed.push({ seed, problem, replay: commandOf(plan) })
  }

  /** Counters of faults that should have happened and never did: what they test was not tested. */
  absentFaults(): string[] {
    const { seconds, faults, ...where } = this.#plans[0]!
    const all = namesFor(where)
    const isLong = this.#seeds >= ENOUGH.seeds && seconds >= ENOUGH.seconds
    if (!isLong || faults.length < all.length) return []
    const counters = all.flatMap(name => FAULTS[name].counters)
    return [...new Set(counters)].filter(counter => !this.faults.has(counter))
  }

  toJSON(): object {
    const { failed } = this
    return {
      firstSeed: this.#plans[0]!.seed,
      seeds: this.#seeds,
      passed: this.#seeds - failed.length,
      failed,
      absentFaults: this.absentFaults(),
      faults: sorted(this.faults),
      counters: sorted(this.counters),
    }
  }
}

function addAll(sums: Map<string, number>, more: Outcome['faults']): void {
  for (const [name, value] of more) {
    const known = sums.get(name) ?? 0
    sums.set(name, name.startsWith('longest') ? Math.max(known, value) : known + value)
  }
}

export function sorted(sums: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
}
