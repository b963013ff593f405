import assert from 'node:assert/strict'
import { FAULT_NAMES } from '../../testnet/simulation/authorities/faults/list.ts'
import { PLANTED_BUGS, type PlantedBug } from '../../testnet/simulation/authorities/planted.ts'
import {
  runAuthorities,
  type SimulationPlan,
  type SimulationResult,
} from '../../testnet/simulation/authorities/run.ts'
import { commandOf } from '../../testnet/simulation/options.ts'

const PLAN = { nodes: 5, clients: 6, groups: 3, seconds: 12, faults: FAULT_NAMES }

/**
 * Within how many seeds, from 1 on, each planted bug is found, with some to spare since timing shifts when code
 * changes; and what finds it.
 */
const CAUGHT: Record<PlantedBug, { readonly seeds: number; readonly by: RegExp }> = {
  'acknowledges-before-sync': { seeds: 1, by: /gave a receipt .* that only 0 of 3 disks hold/ },
  'splits-batches': { seeds: 4, by: /its end is missing|is damaged/ },
  'answers-before-commit': { seeds: 1, by: /gave a receipt .* that only 0 of 3 disks hold/ },
  'snapshot-loses-sessions': { seeds: 2, by: /names state root|was refused: no-session/ },
  'restart-forgets-outcomes': { seeds: 2, by: /names state root|was refused: outcome-forgotten/ },
  'applies-copies': { seeds: 2, by: /names state root|names another state|was applied twice/ },
  'router-never-retries': { seeds: 2, by: /no progress|waits for \d+ answers/ },
  'feed-loses-changes': { seeds: 2, by: /ghost/ },
  'catch-up-changes-records': { seeds: 8, by: /differs from what another replica has|names state root/ },
}

async function run(plan: Partial<SimulationPlan> & { seed: number }): Promise<SimulationResult> {
  const whole = { ...PLAN, ...plan }
  try {
    return await runAuthorities(whole)
  } catch (error) {
    throw new Error(`${(error as Error).message}\nreplay: ${commandOf(whole)}`, { cause: error })
  }
}

describe('authorities on the simulator', function () {
  this.timeout(60_000)

  it('keep every promise, once, and come together again after crashes, cuts and slow disks', async () => {
    const faults = new Map<string, number>()
    const counters = new Map<string, number>()
    for (const seed of [1, 2, 3]) {
      const result = await run({ seed })
      for (const [name, value] of result.faults) faults.set(name, (faults.get(name) ?? 0) + value)
      for (const [name, value] of result.counters) counters.set(name, (counters.get(name) ?? 0) + value)
    }
    for (const kind of [
      'crash',
      'crash-during-write',
      'lost-unsynced-writes',
      'broken-channel',
      'lost-frame',
    ])
      assert.ok((faults.get(kind) ?? 0) > 0, `no fault of kind ${kind}`)
    for (const kind of ['partition', 'one-way-partition', 'crash-of-all'])
      assert.ok((faults.get(kind) ?? 0) > 0, `no fault of kind ${kind}`)
    for (const way of ['catch-ups', 'restored-from-snapshot', 'sessions-replaced', 'gateway-switches'])
      assert.ok((counters.get(way) ?? 0) > 0, `nothing went the way of ${way}`)
    assert.ok(counters.get('promises')! > 500)
    assert.ok(counters.get('final-applied')! >= counters.get('promises')!)
    assert.ok(counters.get('final-sealed-roots')! > 20)
  })

  it('run the same way again from the same seed, and another way from another', async () => {
    const [first, again, other] = [
      await run({ seed: 7, seconds: 4 }),
      await run({ seed: 7, seconds: 4 }),
      await run({ seed: 8, seconds: 4 }),
    ]
    assert.equal(again.trace, first.trace)
    assert.notEqual(other.trace, first.trace)
  })

  for (const bug of PLANTED_BUGS) {
    const { seeds, by } = CAUGHT[bug]
    it(`are caught with the planted bug ${bug} within ${seeds} seeds`, async () => {
      await assert.rejects(async () => {
        for (let seed = 1; seed <= seeds; seed++) await run({ seed, bug })
      }, by)
    })
  }
})
