import assert from 'node:assert/strict'
import { VoteLanes } from '../../daemon/hosting/finality/lanes.ts'
import { RaftLanes } from '../../daemon/hosting/raft-lanes.ts'
import { Peers } from '../../daemon/nodes/peers.ts'
import type { SimContext, SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const NAMES = ['n1', 'n2']

interface Speaker {
  readonly peers: Peers
  readonly raft: RaftLanes
  readonly votes: VoteLanes
  readonly heard: string[]
  readonly counted: Map<string, number>
}

/** Two nodes that are connected, and know nobody yet. */
function speaker({ name, network, clock }: SimContext): Speaker {
  const self = NAMES.indexOf(name) + 1
  const heard: string[] = []
  const counted = new Map<string, number>()
  const peers = new Peers()
  const count = (what: string): void => void counted.set(what, (counted.get(what) ?? 0) + 1)
  const common = { peers, network, clock, maxFrameBytes: 100, count }
  const raft = new RaftLanes({
    ...{ ...common, self },
    receive: (_, frame) => heard.push(`raft ${frame[0]}`),
    up: () => heard.push('up'),
    down: () => heard.push('down'),
    drained: () => {},
  })
  const votes = new VoteLanes({
    ...common,
    opened: () => {},
    receive: (_, frame) => heard.push(`vote ${frame[0]}`),
  })
  return { peers, raft, votes, heard, counted }
}

describe('nodes that come while others run', () => {
  let simulation: Simulation
  let nodes: SimNode<Speaker>[]

  beforeEach(async () => {
    simulation = new Simulation(1)
    nodes = NAMES.map(name => simulation.addNode(name, speaker))
    for (const node of nodes) node.start()
    await simulation.runFor(1_000)
  })

  const [one, two] = [() => nodes[0]!.program!, () => nodes[1]!.program!]
  const meet = async (): Promise<void> => {
    one().peers.add(2, 'n2')
    two().peers.add(1, 'n1')
    await simulation.runFor(2_500)
  }

  it('get lanes as soon as they are known, over the connection that stands', async () => {
    assert.equal(one().raft.send(2, 0, Uint8Array.of(5)), false)
    assert.deepEqual(one().heard, [])
    await meet()
    assert.equal(one().raft.send(2, 0, Uint8Array.of(7)), true)
    assert.equal(two().votes.send(1, Uint8Array.of(8, 8)), true)
    await simulation.runFor(100)
    assert.deepEqual(two().heard, ['up', 'raft 7'])
    assert.deepEqual(one().heard, ['up', 'vote 8'])
  })

  it('are refused while one side does not know them, which the other tries seldom, and served from then on', async () => {
    one().peers.add(2, 'n2')
    await simulation.runFor(10_000)
    const refused = two().counted.get('raft_channel_refused')!
    assert.ok(refused > 3 && refused < 80, `${refused} channels refused`)
    assert.ok(two().counted.get('finality_channel_refused')! > 3)
    assert.deepEqual(two().heard, [])
    two().peers.add(1, 'n1')
    await simulation.runFor(2_500)
    one().raft.send(2, 1, Uint8Array.of(9))
    await simulation.runFor(100)
    assert.equal(two().heard.at(-1), 'raft 9')
  })

  it('are heard no more once they are no nodes any more', async () => {
    await meet()
    two().peers.remove(1)
    await simulation.runFor(100)
    assert.equal(two().votes.reaches(1), false)
    assert.deepEqual(two().heard, ['up', 'down'])
    one().raft.send(2, 0, Uint8Array.of(7))
    one().votes.send(2, Uint8Array.of(7, 7))
    await simulation.runFor(3_000)
    assert.deepEqual(two().heard, ['up', 'down'])
  })
})
