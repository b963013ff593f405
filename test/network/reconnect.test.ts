import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { peerIdOfSeed } from '../../daemon/network/peer-id.ts'
import { connected, freePorts, sleep, startNode, stopAll, stopNode, until } from './nodes.ts'
import { startProxy, type TcpProxy } from './stranger.ts'

describe('reconnecting', function () {
  this.timeout(10_000)

  const proxies: TcpProxy[] = []
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) proxy.close()
    await stopAll()
  })

  it('finds a restarted peer again within a moment', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.bootstrap()] })
    await connected(a, b)
    await until('a knows where b listens', () => (a.network.stats().peers[0]?.addresses.length ?? 0) > 0)
    const listenAddresses = b.network.listenAddresses()
    const events: boolean[] = []
    a.network.onPeer((_peer, up) => events.push(up))
    await stopNode(b)
    await until('a sees it go', () => a.network.peers().length === 0)
    await sleep(200)
    const startedMs = performance.now()
    const again = await startNode({ identitySeed: b.seed, listenAddresses, bootstrap: [a.bootstrap()] })
    await connected(a, again)
    const tookMs = performance.now() - startedMs
    assert.ok(tookMs < 600, `reconnecting took ${tookMs} ms`)
    assert.deepEqual(events, [false, true])
  })

  it('dials a peer of the last run, without any bootstrap list', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.bootstrap()] })
    await connected(a, b)
    await until('b saved it', () => b.saved.peers.length === 1)
    await stopNode(b)
    const known = b.saved.peers
    const again = await startNode({
      identitySeed: b.seed,
      peerStore: { load: async () => known, save: () => {} },
    })
    await connected(a, again)
  })

  it('makes one peer of two that dial each other at once, and its channels outlive the second connection', async function () {
    this.timeout(10_000)
    // What both dial answers late, so that neither sees the other's connection before its own is under way.
    const [seedA, seedB] = [randomBytes(32), randomBytes(32)]
    const [portA, portB] = (await freePorts(2)) as [number, number]
    const [listenA, listenB] = [`/ip4/127.0.0.1/tcp/${portA}`, `/ip4/127.0.0.1/tcp/${portB}`]
    const [toA, toB] = await Promise.all([startProxy(listenA, 300), startProxy(listenB, 300)])
    proxies.push(toA, toB)
    const otherThanA = { peerId: await peerIdOfSeed(seedB), addresses: [toB.address] }
    const otherThanB = { peerId: await peerIdOfSeed(seedA), addresses: [toA.address] }
    const [a, b] = await Promise.all([
      startNode({ identitySeed: seedA, listenAddresses: [listenA], bootstrap: [otherThanA] }),
      startNode({ identitySeed: seedB, listenAddresses: [listenB], bootstrap: [otherThanB] }),
    ])
    const events: string[] = []
    for (const node of [a, b]) node.network.onPeer((peer, up) => events.push(`${peer} ${up}`))
    const options = { maxFrameBytes: 1024, maxChannelsPerPeer: 4 }
    for (const node of [a, b]) {
      node.network.handle('pipe/1', options, channel => channel.onFrame(frame => channel.send(frame)))
    }
    await connected(a, b)
    const channels = [
      await a.network.open(b.network.self, 'pipe/1'),
      await b.network.open(a.network.self, 'pipe/1'),
    ]
    const closed: string[] = []
    let echoed = 0
    for (const channel of channels) {
      channel.onClose(reason => closed.push(reason))
      channel.onFrame(() => {
        echoed += 1
      })
    }
    const connections = () => a.network.stats().peers[0]?.connections
    await until('there are two connections', () => connections() === 2)
    await until('one is left', () => connections() === 1, 6000)
    for (const channel of channels) channel.send(Buffer.from('hello'))
    await until('both channels still carry frames', () => echoed === 2)
    assert.deepEqual(closed, [])
    assert.deepEqual(events.sort(), [`${a.network.self} true`, `${b.network.self} true`].sort())
  })
})
