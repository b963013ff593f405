import assert from 'node:assert/strict'
import { VOTING_FAULT_NAMES } from '../../testnet/simulation/authorities/faults/list.ts'
import { runAuthorities } from '../../testnet/simulation/authorities/run.ts'
import { commandOf } from '../../testnet/simulation/options.ts'

describe('areas side by side, on the simulator', function () {
  this.timeout(60_000)

  it('hand characters over with their sessions while nodes crash and views change: each is in one place in the end', async () => {
    const shape = { nodes: 4, clients: 4, groups: 2, seconds: 10, votes: true, crossing: true }
    const plan = { ...shape, seed: 301, faults: VOTING_FAULT_NAMES }
    const { counters, faults } = await runAuthorities(plan).catch(error => {
      throw new Error(`${(error as Error).message}\nreplay: ${commandOf(plan)}`, { cause: error })
    })
    assert.ok((counters.get('moved') ?? 0) >= 5, `moved: ${counters.get('moved')}`)
    assert.ok((faults.get('crash') ?? 0) > 4)
  })
})
