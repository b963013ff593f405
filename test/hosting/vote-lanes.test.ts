import assert from 'node:assert/strict'
import { VoteLanes } from '../../daemon/hosting/finality/lanes.ts'
import { Peers } from '../../daemon/nodes/peers.ts'
import type { SimContext, SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const NAMES = ['n1', 'n2']

interface Speaker {
  readonly lanes: VoteLanes
  /** Of the other: `opened`, and the first bytes of its frames. */
  readonly heard: (string | number)[]
  readonly reaches: () => boolean
}

function speaker({ name, network, clock }: SimContext): Speaker {
  const other = 2 - NAMES.indexOf(name)
  const heard: (string | number)[] = []
  const lanes = new VoteLanes({
    peers: new Peers([[other, NAMES[other - 1]!]]),
    ...{ network, clock, maxFrameBytes: 100 },
    opened: () => heard.push('opened'),
    receive: (_, frame) => heard.push(frame[0]!),
    count: () => {},
  })
  return { lanes, heard, reaches: () => lanes.reaches(other) }
}

/** Two nodes on a network that takes a connection for a good one for 50 s, however silent it is. */
async function meeting(): Promise<{ simulation: Simulation; nodes: SimNode<Speaker>[] }> {
  const simulation = new Simulation(1)
  simulation.network.configure({ giveUpMs: 50_000 })
  const nodes = NAMES.map(name => simulation.addNode(name, speaker))
  for (const node of nodes) node.start()
  await simulation.runFor(500)
  return { simulation, nodes }
}

const reach = (nodes: readonly SimNode<Speaker>[]): boolean[] => nodes.map(node => node.program!.reaches())

describe('the lanes for votes between two nodes', () => {
  it('are up within a moment, stay up while nobody has anything to say, and carry what is said', async () => {
    const { simulation, nodes } = await meeting()
    for (let second = 0; second < 30; second++) {
      assert.deepEqual(reach(nodes), [true, true])
      await simulation.runFor(1_000)
    }
    nodes[0]!.program!.lanes.send(2, Uint8Array.of(7, 7))
    await simulation.runFor(100)
    assert.equal(nodes[1]!.program!.heard.at(-1), 7)
  })

  it('are down for both within four seconds of a silent cut, and up again soon after it, with word of that', async () => {
    const { simulation, nodes } = await meeting()
    const { links } = simulation.network
    links.partition(['n1'], ['n2'])
    await simulation.runFor(4_000)
    assert.deepEqual(reach(nodes), [false, false])
    assert.equal(nodes[0]!.program!.lanes.send(2, Uint8Array.of(9, 9)), false, 'nothing piles up')
    for (const { program } of nodes) program!.heard.length = 0
    await simulation.runFor(10_000)
    links.heal()
    await simulation.runFor(1_500)
    assert.deepEqual(reach(nodes), [true, true])
    // What waited in the line is heard first, and is old: `opened` may come twice.
    for (const { program } of nodes) assert.deepEqual([...new Set(program!.heard)], ['opened'])
  })

  it('are down for both when only one of them is heard', async () => {
    const { simulation, nodes } = await meeting()
    simulation.network.links.blockOneWay('n1', 'n2')
    await simulation.runFor(5_000)
    assert.deepEqual(reach(nodes), [false, false])
  })

  it('are down as long as the other process stands still', async () => {
    const { simulation, nodes } = await meeting()
    nodes[1]!.pause(20_000)
    await simulation.runFor(4_000)
    assert.equal(nodes[0]!.program!.reaches(), false)
    await simulation.runFor(18_000)
    assert.deepEqual(reach(nodes), [true, true])
  })
})
