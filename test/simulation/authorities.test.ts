import assert from 'node:assert/strict'
import { PLANTED_BUGS, type PlantedBug } from '../../testnet/simulation/authorities/planted.ts'
import {
  runAuthorities,
  type SimulationPlan,
  type SimulationResult,
} from '../../testnet/simulation/authorities/run.ts'

const PLAN = { nodes: 5, clients: 6, areas: 3, seconds: 12 }

/** Runs from the lowest seed on that found each planted bug, with some to spare: timing may shift when code changes. */
const SEEDS: Record<PlantedBug, number> = {
  'acknowledges-before-sync': 1,
  'splits-batches': 3,
  'answers-before-commit': 1,
  'snapshot-loses-sessions': 3,
  'restart-forgets-outcomes': 3,
  'applies-copies': 3,
  'router-never-retries': 3,
  'feed-loses-changes': 4,
  'catch-up-changes-records': 6,
}

async function run(plan: Partial<SimulationPlan> & { seed: number }): Promise<SimulationResult> {
  const whole = { ...PLAN, ...plan }
  try {
    return await runAuthorities(whole)
  } catch (error) {
    const { seed, nodes, seconds, clients, areas } = whole
    const replay = `npm run sim -- --seed ${seed} --nodes ${nodes} --seconds ${seconds} --clients ${clients} --areas ${areas}`
    throw new Error(`${(error as Error).message}\nreplay: ${replay}`, { cause: error })
  }
}

describe('authorities on the simulator', function () {
  this.timeout(30_000)

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
    const seeds = SEEDS[bug]
    it(`are caught with the planted bug ${bug} within ${seeds} seeds`, async () => {
      await assert.rejects(async () => {
        for (let seed = 1; seed <= seeds; seed++) await run({ seed, bug })
      })
    })
  }
})
