import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { peerIdOfSeed } from '../../daemon/network/peer-id.ts'
import { freePorts, startNode, stopAll, type TestNode, until } from './nodes.ts'

describe('gossip', function () {
  this.timeout(10_000)

  afterEach(stopAll)

  it('reaches each of 20 nodes that joined on loopback in one burst', async function () {
    this.timeout(35_000)
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
      node.network.subscribe('directory', 1024, (from, data) => {
        heard.get(node)?.push(`${from} ${Buffer.from(data)}`)
        return 'pass-on'
      })
    }
    const speaker = nodes[7] as TestNode
    await until('all have joined', () => nodes.every(node => node.network.peers().length === 19), 15_000)
    // Gossip's own streams come a moment after the handshake, and who is later than its memory of three seconds misses a word.
    let said = 0
    const speaking = setInterval(
      () => speaker.network.publish('directory', Buffer.from(`block ${said++}`)),
      1000,
    )
    const others = nodes.filter(node => node !== speaker)
    await until('word got round', () => others.every(node => heard.get(node)?.length), 15_000)
    clearInterval(speaking)
    assert.deepEqual(heard.get(speaker), [])
    for (const node of others) {
      const words = heard.get(node) as string[]
      assert.equal(new Set(words).size, words.length, 'nothing is heard twice')
      for (const word of words) assert.match(word, new RegExp(`^${speaker.network.self} block \\d+$`))
    }
  })

  it('keeps what is published before anybody listens, and says it once when somebody does', async function () {
    this.timeout(8000)
    const a = await startNode()
    a.network.publish('nodes', Buffer.from('early'))
    const b = await startNode({ bootstrap: [a.bootstrap()] })
    const heard: string[] = []
    b.network.subscribe('nodes', 100, (from, data) => {
      heard.push(`${from} ${Buffer.from(data)}`)
      return 'pass-on'
    })
    await until('it arrives', () => heard.length > 0)
    assert.deepEqual(heard, [`${a.network.self} early`])
  })

  it('drops what is longer than its topic allows, and goes on', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.bootstrap()] })
    const heard: number[] = []
    a.network.subscribe('bounds', 100, (_from, data) => {
      heard.push(data.length)
      return 'pass-on'
    })
    b.network.subscribe('bounds', 1000, () => 'pass-on')
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
