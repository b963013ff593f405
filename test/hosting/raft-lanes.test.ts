import assert from 'node:assert/strict'
import { RaftLanes } from '../../daemon/hosting/raft-lanes.ts'
import { Peers } from '../../daemon/nodes/peers.ts'
import type { SimContext } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const NAMES = ['n1', 'n2']

interface Speaker {
  readonly lanes: RaftLanes
  /** Of the other: `up`, `down`, and the first bytes of its frames. */
  readonly heard: (string | number)[]
}

function speaker({ name, network, clock }: SimContext): Speaker {
  const self = NAMES.indexOf(name) + 1
  const other = 3 - self
  const heard: (string | number)[] = []
  const lanes = new RaftLanes({
    self,
    peers: new Peers([[other, NAMES[other - 1]!]]),
    network,
    clock,
    maxFrameBytes: 100,
    receive: (_, frame) => heard.push(frame[0]!),
    up: () => heard.push('up'),
    down: () => heard.push('down'),
    drained: () => {},
    count: () => {},
  })
  return { lanes, heard }
}

describe('the lanes between two nodes', () => {
  it('are down for both ends when one broke, also for the one that hears of the next channel first', async () => {
    const simulation = new Simulation(1)
    const [a, b] = NAMES.map(name => simulation.addNode(name, speaker))
    a!.start()
    b!.start()
    await simulation.runFor(1_000)
    assert.deepEqual(b!.program!.heard, ['up'])
    const { links } = simulation.network
    // The far end takes the broken channel for a good one for some ten seconds.
    links.set('n1', 'n2', { breakRate: 1, lingerMs: 20_000 })
    a!.program!.lanes.send(2, 0, Uint8Array.of(7))
    links.restore('breakRate')
    await simulation.runFor(500)
    assert.deepEqual(a!.program!.heard, ['up', 'down', 'up'])
    assert.deepEqual(b!.program!.heard, ['up', 'down', 'up'])
    a!.program!.lanes.send(2, 0, Uint8Array.of(8))
    await simulation.runFor(500)
    assert.equal(b!.program!.heard.at(-1), 8)
    await simulation.runFor(20_000)
    assert.equal(b!.program!.heard.length, 4)
  })
})
