import assert from 'node:assert/strict'
import { DIRECTORY_FAULT_NAMES, type FaultName } from '../../testnet/simulation/authorities/faults/list.ts'
import type { SimulationPlan } from '../../testnet/simulation/authorities/run.ts'
import { ANCHORING_BUGS } from '../../testnet/simulation/bugs/anchoring.ts'
import { checkOf } from '../../testnet/simulation/bugs/checks.ts'
import { outcomeOf } from '../../testnet/simulation/outcome.ts'

const PLAN = { nodes: 5, groups: 1, clients: 2, seconds: 10, votes: true, directory: true }

/** The seed that finds it soonest, as things are, and the faults that bring it out. */
const FOUND: Readonly<
  Record<string, { first: number; faults: readonly FaultName[] } & Partial<SimulationPlan>>
> = {
  'lease-from-the-answer': { first: 1, faults: ['partition', 'crash'], groups: 2 },
  'final-when-certified': { first: 1, faults: [] },
  'follows-uncertified': { first: 2, faults: ['lying-source', 'crash'], groups: 2 },
  'anchors-out-of-order': { first: 1, faults: ['partition', 'suspicion'], groups: 2 },
  'forgets-anchors-of-states': { first: 1, faults: [], groups: 2 },
}

/**
 * They show as what never comes to rest, which takes half a minute: `npm run sim -- --directory --groups 2 --seconds 20 --clients 4
 * --bug NAME`.
 */
const BY_HAND = ['gives-way-to-old-orders', 'forgets-anchors-of-states']

describe('a directory on whole nodes', function () {
  this.timeout(120_000)

  it('anchors, leases and orders under all faults, and everything becomes final again', async () => {
    const { problem, counters } = await outcomeOf({ ...PLAN, seed: 1, faults: DIRECTORY_FAULT_NAMES })
    assert.equal(problem, undefined)
    for (const name of ['anchors', 'leases-renewed', 'votes-under-lease', 'directory-states'])
      assert.ok(
        counters.some(([counter, by]) => counter === name && by > 0),
        name,
      )
  })

  for (const { name: bug } of ANCHORING_BUGS) {
    if (BY_HAND.includes(bug)) continue
    it(`finds a planted bug: ${bug}`, async () => {
      const { first, ...rest } = FOUND[bug]!
      let problem: string | undefined
      for (let seed = first; seed < first + 4 && problem === undefined; seed++)
        problem = (await outcomeOf({ ...PLAN, ...rest, seed, bug })).problem
      assert.ok(problem !== undefined, 'not within four seeds')
      assert.ok(checkOf(problem) !== undefined, `not by a check: ${problem}`)
    })
  }
})
