import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { FAULT_NAMES, FAULTS, faultNames } from '../../testnet/simulation/authorities/faults/list.ts'

describe('faults of the simulator', () => {
  it('are chosen by their names, all of them or none', () => {
    assert.deepEqual(faultNames('crash, one-way'), ['crash', 'one-way'])
    assert.deepEqual(faultNames('all'), FAULT_NAMES)
    assert.deepEqual(faultNames('none'), [])
  })

  it('are named when one is asked for that there is not', () => {
    assert.throws(() => faultNames('crash,flood'), /There is no fault flood: choose from loss, .*crash/)
  })

  it('each have a counter of their own, and a line in the documentation', () => {
    const counters = FAULT_NAMES.flatMap(name => FAULTS[name].counters)
    assert.deepEqual(counters, [...new Set(counters)])
    const page = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8')
    for (const name of FAULT_NAMES)
      assert.ok(page.includes(`| \`${name}\` |`), `${name} is not in docs/testing.md`)
  })
})
