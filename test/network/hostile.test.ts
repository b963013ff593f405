import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { Libp2p } from '@libp2p/interface'
import { connected, pair, sleep, startNode, stopAll, systemClock, type TestNode, until } from './nodes.ts'
import { dialNode, greetProperly, sendFrame, startGossipingStranger, startStranger } from './stranger.ts'

const options = { maxFrameBytes: 1000, maxChannelsPerPeer: 2 }

async function stillServes(node: TestNode): Promise<void> {
  const friend = await startNode({ bootstrap: [node.bootstrap()] })
  await connected(node, friend)
}

describe('against hostile peers', function () {
  this.timeout(10_000)

  let stranger: Libp2p | undefined
  afterEach(async () => {
    await stranger?.stop()
    stranger = undefined
    await stopAll()
  })

  it('a frame over the limit closes its channel, is counted, and the node lives', async () => {
    const node = await startNode()
    const arrived: number[] = []
    const closed: string[] = []
    node.network.handle('pipe/1', options, channel => {
      channel.onFrame(frame => arrived.push(frame.length))
      channel.onClose(reason => closed.push(reason))
    })
    stranger = await startStranger()
    const connection = await dialNode(stranger, node)
    await greetProperly(connection)
    const stream = await connection.newStream(['/freehold/test/pipe/1'])
    sendFrame(stream, randomBytes(1000))
    stream.send(Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 1, 2, 3))
    await until('the channel is closed', () => closed.length === 1)
    assert.deepEqual(arrived, [1000])
    assert.match(closed[0] as string, /frame-too-large/)
    assert.equal(node.counts.get('network_frame_too_large pipe/1'), 1)
    assert.deepEqual(node.network.peers(), [stranger.peerId.toString()])
    await stillServes(node)
  })

  it('our own frame over the limit is not sent', async () => {
    const { left, a, b } = await pair(1000)
    let reason = ''
    left.onClose(why => {
      reason = why
    })
    assert.equal(left.send(randomBytes(1001)), false)
    assert.match(reason, /frame-too-large/)
    assert.equal(left.send(randomBytes(1)), false)
    assert.equal(b.counts.get('network_frame_too_large pipe/1'), 1)
    assert.deepEqual(a.network.peers(), [b.network.self])
  })

  it('channels over the limit are refused and counted, and room comes back when one closes', async () => {
    const { a, b, left } = await pair(1000, 2)
    const second = await b.network.open(a.network.self, 'pipe/1')
    await assert.rejects(b.network.open(a.network.self, 'pipe/1'), { code: 'too-many-channels' })
    second.close('done')
    await b.network.open(a.network.self, 'pipe/1')
    left.close('done')

    const node = await startNode()
    const accepted: unknown[] = []
    node.network.handle('pipe/1', options, channel => accepted.push(channel))
    stranger = await startStranger()
    const connection = await dialNode(stranger, node)
    await greetProperly(connection)
    for (let i = 0; i < 3; i++) await connection.newStream(['/freehold/test/pipe/1'])
    await until(
      'it is counted',
      () => node.counts.get('network_channel_refused pipe/1 too-many-channels') === 1,
    )
    assert.equal(accepted.length, 2)
  })

  it('opening what the other side does not speak, or to nobody, is refused with a code', async () => {
    const { a, b } = await pair()
    b.network.handle('other/1', options, () => {})
    await assert.rejects(b.network.open(a.network.self, 'other/1'), { code: 'unknown-protocol' })
    assert.equal(b.counts.get('network_unknown_protocol other/1'), 1)
    const nobody = await startNode()
    await assert.rejects(b.network.open(nobody.network.self, 'pipe/1'), { code: 'not-connected' })
  })

  it('garbage on a raw socket does not stop a node', async () => {
    const node = await startNode()
    const port = Number(node.network.listenAddresses()[0]?.split('/').at(-1))
    for (const bytes of [randomBytes(100_000), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(0)]) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(bytes)
      setTimeout(() => socket.destroy(), 300)
    }
    await stillServes(node)
    assert.equal(node.network.peers().length, 1)
  })

  it('a peer that did not greet gets into no protocol and no gossip, whatever it sends', async () => {
    const node = await startNode()
    let accepted = 0
    let heard = 0
    node.network.handle('pipe/1', options, () => {
      accepted += 1
    })
    node.network.subscribe('bounds', 1000, () => {
      heard += 1
      return 'pass-on'
    })
    stranger = await startStranger()
    const connection = await dialNode(stranger, node)
    for (const protocol of ['/freehold/test/pipe/1', '/meshsub/1.2.0']) {
      const stream = await connection.newStream([protocol])
      sendFrame(stream, randomBytes(500))
    }
    const hello = await connection.newStream(['/freehold/test/hello/1'])
    sendFrame(hello, randomBytes(500))
    await until('it is refused', () => node.counts.get('network_handshake_refused malformed us') === 1)
    await until('it is thrown out', () => connection.status !== 'open')
    assert.deepEqual([accepted, heard, node.network.peers().length], [0, 0, 0])
    await stillServes(node)
  })

  it('real gossip of a peer that did not greet is not heard, until it has greeted', async () => {
    const node = await startNode()
    const heard: string[] = []
    node.network.subscribe('bounds', 1000, (_from, data) => {
      heard.push(Buffer.from(data).toString())
      return 'pass-on'
    })
    const gossiper = await startGossipingStranger()
    stranger = gossiper
    const topic = '/freehold/test/bounds/1'
    gossiper.services.gossip.subscribe(topic)
    const connection = await dialNode(gossiper, node)
    const said = setInterval(() => void gossiper.services.gossip.publish(topic, randomBytes(10)), 50)
    await sleep(600)
    assert.deepEqual(heard, [])
    await greetProperly(connection)
    await until('it is heard', () => heard.length > 0)
    clearInterval(said)
  })

  it('a connection that never greets is cut, and so is a fifth one of one peer', async () => {
    const hasty = {
      ...systemClock,
      after: (delayMs: number, run: () => void) => systemClock.after(delayMs / 10, run),
    }
    const node = await startNode({ clock: hasty })
    stranger = await startStranger()
    const connections = [await dialNode(stranger, node)]
    for (let i = 0; i < 4; i++) connections.push(await dialNode(stranger, node, true))
    await until(
      'one is over the limit',
      () => node.counts.get('network_handshake_refused too-many-connections us') === 1,
    )
    await until('all are cut', () => connections.every(connection => connection.status !== 'open'), 2000)
    assert.equal(node.counts.get('network_handshake_refused timeout us'), 4)
  })

  it('a peer that greeted and then speaks garbage in every protocol does not stop a node', async () => {
    const node = await startNode()
    const frames: number[] = []
    node.network.handle('pipe/1', options, channel => channel.onFrame(frame => frames.push(frame.length)))
    node.network.subscribe('bounds', 1000, () => 'pass-on')
    stranger = await startStranger()
    const connection = await dialNode(stranger, node)
    await greetProperly(connection)
    for (const protocol of [
      '/freehold/test/pipe/1',
      '/meshsub/1.2.0',
      '/freehold/test/hello/1',
      '/ipfs/id/1.0.0',
    ]) {
      for (let i = 0; i < 3; i++) {
        try {
          const stream = await connection.newStream([protocol])
          for (let part = 0; part < 20; part++) stream.send(randomBytes(5000))
        } catch {
          // Reset or refused already: that is what should happen.
        }
      }
    }
    await sleep(200)
    assert.ok((node.counts.get('network_frame_too_large pipe/1') ?? 0) > 0)
    assert.ok((node.counts.get('network_malformed hello') ?? 0) > 0)
    await stillServes(node)
  })

  it('a listener of ours that throws costs one channel, not the node', async () => {
    const { a, b, left, right } = await pair()
    right.onFrame(() => {
      throw new Error('a fault of ours')
    })
    let closed = false
    left.onClose(() => {
      closed = true
    })
    left.send(Buffer.from('x'))
    await until('the channel is closed', () => closed)
    assert.equal(a.counts.get('network_channel_refused pipe/1 listener-failed'), 1)
    assert.deepEqual(a.network.peers(), [b.network.self])
  })
})
