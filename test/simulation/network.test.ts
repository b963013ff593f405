import assert from 'node:assert/strict'
import type { Channel } from '../../daemon/ports.ts'
import { HOME, LAN } from '../../testnet/simulation/link.ts'
import type { SimContext, SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const PROTOCOL = { maxFrameBytes: 1 << 20, maxChannelsPerPeer: 1 }

interface Ear {
  context: SimContext
  heard: number[]
  gossip: number[]
  events: string[]
  open: Channel[]
}

function ear(context: SimContext): Ear {
  const self: Ear = { context, heard: [], gossip: [], events: [], open: [] }
  context.network.handle('x/1', PROTOCOL, channel => {
    channel.onFrame(frame => self.heard.push(frame[0]!))
    channel.onClose(reason => self.events.push(`closed ${reason}`))
  })
  context.network.subscribe('t', 100, (_, data) => {
    self.gossip.push(data[0]!)
    return 'pass-on'
  })
  context.network.onPeer((peer, connected) => self.events.push(`${connected ? '+' : '-'}${peer}`))
  return self
}

async function pair(seed: number): Promise<[Simulation, SimNode<Ear>, SimNode<Ear>, Channel]> {
  const simulation = new Simulation(seed)
  const a = simulation.addNode('a', ear)
  const b = simulation.addNode('b', ear)
  a.start()
  b.start()
  await simulation.runFor(1000)
  return [simulation, a, b, await opened(simulation, a)]
}

async function opened(simulation: Simulation, node: SimNode<Ear>): Promise<Channel> {
  let channel: Channel | undefined
  void node.program!.context.network.open('b', 'x/1').then(open => {
    channel = open
  })
  await simulation.runUntil(() => channel !== undefined, 1000)
  return channel!
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('simulated network', () => {
  it('keeps the order on a channel, whatever jitter and loss there is', async () => {
    const [simulation, a, b, channel] = await pair(1)
    simulation.network.links.set('a', 'b', { jitterMs: 50, lossRate: 0.2 })
    for (const i of numbers(100)) channel.send(Uint8Array.of(i))
    await simulation.runFor(10_000)
    assert.deepEqual(b.program!.heard, numbers(100))
    assert.ok(simulation.faults.get('lost-frame')! > 5)
    assert.ok(a.alive)
  })

  it('lets a frame neither change after it was sent nor be shared', async () => {
    const [simulation, , b, channel] = await pair(2)
    const frame = Uint8Array.of(7)
    channel.send(frame)
    frame[0] = 8
    await simulation.runFor(10)
    assert.deepEqual(b.program!.heard, [7])
  })

  it('holds frames in a short partition and gives the connection up in a long one', async () => {
    const [simulation, a, b, channel] = await pair(3)
    simulation.network.links.partition(['a'], ['b'])
    channel.send(Uint8Array.of(1))
    await simulation.runFor(2000)
    assert.deepEqual(b.program!.heard, [])
    simulation.network.links.heal()
    await simulation.runFor(100)
    assert.deepEqual(b.program!.heard, [1])
    simulation.network.links.partition(['a'], ['b'])
    await simulation.runFor(6000)
    assert.deepEqual(a.program!.context.network.peers(), [])
    assert.deepEqual(b.program!.events.slice(-2).sort(), ['-a', 'closed gave-up'])
    assert.equal(channel.send(Uint8Array.of(2)), false)
    simulation.network.links.heal()
    await simulation.runFor(1000)
    assert.deepEqual(a.program!.context.network.peers(), ['b'])
  })

  it('cuts one direction only when asked', async () => {
    const [simulation, a, b, channel] = await pair(4)
    simulation.network.links.blockOneWay('b', 'a')
    channel.send(Uint8Array.of(1))
    b.program!.context.network.publish('t', Uint8Array.of(2))
    a.program!.context.network.publish('t', Uint8Array.of(3))
    await simulation.runFor(100)
    assert.deepEqual(b.program!.heard, [1])
    assert.deepEqual(b.program!.gossip, [3])
    assert.deepEqual(a.program!.gossip, [])
  })

  it('closes the channels of a crashed node, and connects its next life again', async () => {
    const [simulation, a, b, channel] = await pair(5)
    const closed: string[] = []
    channel.onClose(reason => closed.push(reason))
    b.crash()
    await simulation.runFor(1000)
    assert.deepEqual(closed, ['connection-reset'])
    assert.deepEqual(a.program!.context.network.peers(), [])
    b.start()
    await simulation.runFor(1000)
    assert.deepEqual(a.program!.context.network.peers(), ['b'])
    assert.equal(await opened(simulation, a).then(next => next.send(Uint8Array.of(1))), true)
  })

  it('pushes back at the high-water mark, and calls when it is drained', async () => {
    const [simulation, , b, channel] = await pair(6)
    simulation.network.links.set('a', 'b', HOME)
    let drained = 0
    channel.onDrain(() => drained++)
    const frame = new Uint8Array(400_000)
    assert.deepEqual([channel.send(frame), channel.send(frame), channel.send(frame)], [true, true, false])
    await simulation.runFor(100)
    assert.equal(drained, 0)
    await simulation.runFor(1000)
    assert.equal(drained, 1)
    assert.equal(b.program!.heard.length, 3)
    // 1.2 MB at 2,500 bytes a millisecond.
    assert.ok(simulation.nowMs > 480)
  })

  it('lets a second channel past what waits for the first one', async () => {
    const [simulation, a, b, channel] = await pair(10)
    simulation.network.links.set('a', 'b', HOME)
    let urgent: Channel | undefined
    b.program!.context.network.handle('urgent/1', PROTOCOL, accepted => {
      accepted.onFrame(() => b.program!.events.push(`urgent after ${b.program!.heard.length}`))
    })
    void a.program!.context.network.open('b', 'urgent/1').then(open => {
      urgent = open
    })
    await simulation.runFor(100)
    for (let i = 0; i < 10; i++) channel.send(new Uint8Array(100_000))
    urgent!.send(new Uint8Array(10))
    await simulation.runFor(2000)
    assert.equal(b.program!.events.at(-1), 'urgent after 1')
    assert.equal(b.program!.heard.length, 10)
  })

  it('refuses what the port says must be refused: long frames, more channels, unknown protocols', async () => {
    const [simulation, a, , channel] = await pair(7)
    const network = a.program!.context.network
    const refusals: string[] = []
    for (const name of ['x/1', 'nobody/1']) {
      void network.open('b', name).catch(error => refusals.push(`${error.name} ${error.code}`))
    }
    await simulation.runFor(10)
    assert.deepEqual(refusals, ['NetworkError too-many-channels', 'NetworkError no-protocol'])
    let closed = ''
    channel.onClose(reason => {
      closed = reason
    })
    assert.equal(channel.send(new Uint8Array((1 << 20) + 1)), false)
    await simulation.runFor(10)
    assert.equal(closed, 'frame-too-long')
  })

  it('keeps gossip from a subscriber that takes no such length', async () => {
    const [simulation, a, b] = await pair(9)
    a.program!.context.network.publish('t', new Uint8Array(101))
    await simulation.runFor(100)
    assert.deepEqual(b.program!.gossip, [])
    assert.equal(simulation.faults.get('gossip-too-long'), 1)
  })

  it('reorders, doubles and loses gossip', async () => {
    const [simulation, a, b] = await pair(8)
    simulation.network.links.setAll({ ...LAN, jitterMs: 20, duplicateRate: 0.2, lossRate: 0.2 })
    for (const i of numbers(100)) a.program!.context.network.publish('t', Uint8Array.of(i))
    await simulation.runFor(1000)
    const heard = b.program!.gossip
    assert.notDeepEqual(
      heard,
      [...heard].sort((x, y) => x - y),
    )
    assert.ok(new Set(heard).size < heard.length)
    assert.ok(new Set(heard).size < 100)
  })
})
