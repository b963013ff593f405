import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { peerIdOfSeed } from '../../daemon/network/peer-id.ts'
import { freePorts, startNode, stopAll, type TestNode, until } from './nodes.ts'

describe('gossip', () => {
  afterEach(stopAll)

  it('reaches each of 20 nodes that joined on loopback in one burst', async function () {
    this.timeout(20_000)
    const seeds = Array.from({ length: 20 }, () => randomBytes(32))
    const ports = await freePorts(20)
    const bootstrap = await Promise.all(
      seeds.map(async (seed, index) => ({
        peerId: await peerIdOfSeed(seed),
        addresses: [`/ip4/127.0.0.1/tcp/${ports[index]}`],
      })),
    )
    const heard = new Map<TestNode, string[]>()
    const nodes = await Promise.all(
      seeds.map((identitySeed, index) =>
        startNode({ identitySeed, bootstrap, listenAddresses: [`/ip4/127.0.0.1/tcp/${ports[index]}`] }),
      ),
    )
    for (const node of nodes) {
      heard.set(node, [])
      node.network.subscribe('directory', 1024, (from, data) =>
        heard.get(node)?.push(`${from} ${Buffer.from(data)}`),
      )
    }
    const speaker = nodes[7] as TestNode
    speaker.network.publish('directory', Buffer.from('a new world block'))
    await until('all have joined', () => nodes.every(node => node.network.peers().length === 19), 10_000)
    await until(
      'word got round',
      () => nodes.every(node => node === speaker || heard.get(node)?.length),
      10_000,
    )
    const failed = nodes.map(node => node.counts.get('network_dialled failed') ?? 0)
    assert.ok(Math.max(...failed) <= 19, `dials that failed, by node: ${failed}`)
    for (const node of nodes) {
      const expected = node === speaker ? [] : [`${speaker.network.self} a new world block`]
      assert.deepEqual(heard.get(node), expected)
    }
  })

  it('keeps what is published before anybody listens, and says it once when somebody does', async function () {
    this.timeout(8000)
    const a = await startNode()
    a.network.publish('nodes', Buffer.from('early'))
    const b = await startNode({ bootstrap: [a.bootstrap()] })
    const heard: string[] = []
    b.network.subscribe('nodes', 100, (from, data) => heard.push(`${from} ${Buffer.from(data)}`))
    await until('it arrives', () => heard.length > 0)
    assert.deepEqual(heard, [`${a.network.self} early`])
  })

  it('drops what is longer than its topic allows, and goes on', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.bootstrap()] })
    const heard: number[] = []
    a.network.subscribe('bounds', 100, (_from, data) => heard.push(data.length))
    b.network.subscribe('bounds', 1000, () => {})
    await until('they are connected', () => b.network.peers().length === 1)
    b.network.publish('bounds', Buffer.from('short'))
    await until('the short one arrives', () => heard.length > 0)
    b.network.publish('bounds', randomBytes(500))
    await until(
      'the long one is refused',
      () => a.counts.get('network_gossip_refused bounds too-large') === 1,
    )
    b.network.publish('bounds', Buffer.from('another'))
    await until('the next one arrives', () => heard.length === 2)
    assert.deepEqual(heard, [5, 7])
  })
})
