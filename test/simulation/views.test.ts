import assert from 'node:assert/strict'
import { type FaultName, VOTING_FAULT_NAMES } from '../../testnet/simulation/authorities/faults/list.ts'
import { runAuthorities } from '../../testnet/simulation/authorities/run.ts'
import { commandOf } from '../../testnet/simulation/options.ts'

const PLAN = { nodes: 4, clients: 4, groups: 1, seconds: 15, votes: true }

describe('authorities whose members vote, on the simulator', function () {
  this.timeout(120_000)

  it('have one chain, keep what is decided and what did not fall off, and come together again after changes of views', async () => {
    const counters = new Map<string, number>()
    for (const seed of [201, 206]) {
      const faults = VOTING_FAULT_NAMES.filter(name =>
        [
          'suspicion',
          'crash-between-views',
          'idle-leader',
          'sealless-leader',
          'forging-leader',
          'withheld-votes',
          'crash',
          'partition',
        ].includes(name),
      )
      const plan = { ...PLAN, seed, faults }
      const result = await runAuthorities(plan).catch(error => {
        throw new Error(`${(error as Error).message}\nreplay: ${commandOf(plan)}`, { cause: error })
      })
      for (const [name, value] of result.counters) counters.set(name, (counters.get(name) ?? 0) + value)
    }
    const least = {
      views: 3,
      finality_forged: 1,
      'seals-decided': 20,
      authority_inputs_again: 1,
      promises: 100,
    }
    for (const [name, value] of Object.entries(least))
      assert.ok((counters.get(name) ?? 0) >= value, `${name}: ${counters.get(name)}`)
  })

  it('are handed on by those who decide, to whom it was ordered and to nobody else', async () => {
    const faults: FaultName[] = ['membership', 'self-appointed', 'crash', 'suspicion']
    const plan = { ...PLAN, nodes: 6, seconds: 10, seed: 301, faults }
    const { counters, faults: happened } = await runAuthorities(plan).catch(error => {
      throw new Error(`${(error as Error).message}\nreplay: ${commandOf(plan)}`, { cause: error })
    })
    assert.ok((counters.get('epochs-begun') ?? 0) >= 2, `${counters.get('epochs-begun')} epochs`)
    assert.ok((happened.get('leader-names-others') ?? 0) >= 1)
  })
})
