import assert from 'node:assert/strict'
import { type HandoverResult, runHandover } from '../../../testnet/simulation/handover/run.ts'

/** A failure says how to see it again. */
function run(seed: number): HandoverResult {
  try {
    return runHandover({ seed })
  } catch (error) {
    throw new Error(`${(error as Error).message}\nreplay: npm run sim:handover -- --seed ${seed}`, {
      cause: error,
    })
  }
}

describe('entities that change owners for 12 virtual seconds of faults', function () {
  this.timeout(60_000)

  it('are in one place after every record, with all they had, and everything comes to rest', () => {
    const records = new Map<string, number>()
    let handovers = 0
    for (const seed of [3, 7]) {
      const result = run(seed)
      handovers += result.handovers
      for (const [kind, count] of result.records) records.set(kind, (records.get(kind) ?? 0) + count)
    }
    assert.ok(handovers > 500, `${handovers} handovers`)
    for (const kind of [
      'lock',
      'accept',
      'refuse',
      'release',
      'unlock',
      'forget',
      'settle',
      'close',
      'inherit',
    ])
      assert.ok((records.get(kind) ?? 0) > 0, `no final ${kind}`)
  })

  it('are the same in every run of a seed', () => {
    assert.equal(run(5).trace, run(5).trace)
  })
})
