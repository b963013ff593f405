import assert from 'node:assert/strict'
import { killHalves } from '../../../../testnet/simulation/placement/halves.ts'
import { runPlacement } from '../../../../testnet/simulation/placement/run.ts'
import { runTiles } from '../../../../testnet/simulation/placement/tiles.ts'

describe('simulated placement', function () {
  this.timeout(60_000)

  it('keeps its promises while nodes come, leave, die and drift, and comes to rest', () => {
    for (const seed of [1, 2]) runPlacement({ seed, nodes: 16, areas: 16 })
  })

  it('gives the same decisions for the same seed', () => {
    const plan = { seed: 6, nodes: 6, areas: 8 }
    assert.equal(runPlacement(plan).trace, runPlacement(plan).trace)
  })

  it('splits what fills and merges what is idle, and never both in turn', () => {
    for (let seed = 1; seed <= 20; seed++) runTiles({ seed })
  })

  it('leaves hardly an area dark when a random half of the nodes falls', () => {
    const { darkPer10000, whole, areas } = killHalves(1, 40, 40, 200)
    assert.equal(whole, areas)
    assert.ok(darkPer10000 < 100, `${darkPer10000} of 10,000`)
  })
})
