import assert from 'node:assert/strict'
import { type FinalityPlan, runFinality } from '../../../testnet/simulation/finality/run.ts'

/** A failure says how to see it again. */
function run(plan: FinalityPlan) {
  const { seed, members, liars } = plan
  try {
    return runFinality(plan)
  } catch (error) {
    const given = members === undefined ? '' : ` --members ${members} --liars ${liars}`
    throw new Error(`${(error as Error).message}\nreplay: npm run sim:finality -- --seed ${seed}${given}`, {
      cause: error,
    })
  }
}

describe('members of an authority, some of them liars, for 60 virtual seconds', function () {
  this.timeout(60_000)

  for (const [members, liars] of [
    [3, 0],
    [4, 1],
    [5, 1],
    [7, 2],
  ] as const) {
    it(`keep to one chain and go on: ${members} members, ${liars} liars`, () => {
      for (const seed of [1, 2]) {
        const result = run({ seed, members, liars })
        assert.ok(result.certificates > 20, `${result.certificates} certificates`)
        assert.equal(result.conflicts, 0)
      }
    })
  }

  it('name those who made two chains, where more lie than are tolerated', () => {
    let conflicts = 0
    for (const [members, liars, seed] of [
      [3, 1, 2],
      [4, 2, 3],
      [5, 3, 3],
      [7, 3, 2],
    ] as const) {
      conflicts += run({ seed, members, liars }).conflicts
    }
    assert.ok(conflicts > 3, `only ${conflicts} conflicts`)
  })

  it('are the same in every run of a seed', () => {
    assert.equal(run({ seed: 5 }).trace, run({ seed: 5 }).trace)
  })
})
