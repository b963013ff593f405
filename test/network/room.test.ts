import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { peerIdOfSeed } from '../../daemon/network/peer-id.ts'
import { connected, sleep, startNode, stopAll, stopNode, until } from './nodes.ts'

describe('a node that has as many peers as it may have', function () {
  this.timeout(20_000)
  afterEach(stopAll)

  it('refuses one more with a reason, and takes it when a place is free', async () => {
    const full = await startNode({ maxPeers: 1 })
    const first = await startNode({ bootstrap: [full.bootstrap()] })
    await connected(full, first)
    const second = await startNode({ bootstrap: [full.bootstrap()] })
    const refused = 'network_handshake_refused full'
    await until('the second is refused', () => second.counts.has(`${refused} them`))
    assert.ok(full.counts.has(`${refused} us`))
    assert.deepEqual(full.network.peers(), [first.network.self])
    await stopNode(first)
    await until('the place is free', () => full.network.peers().length === 0)
    const third = await startNode({ bootstrap: [full.bootstrap()] })
    await connected(full, third)
  })

  it('takes the nodes of the genesis file all the same', async () => {
    const seeds = [randomBytes(32), randomBytes(32)]
    const founders = await Promise.all(
      seeds.map(async seed => ({ peerId: await peerIdOfSeed(seed), addresses: [] })),
    )
    const full = await startNode({ maxPeers: 1, bootstrap: founders })
    for (const identitySeed of seeds) {
      const founder = await startNode({ identitySeed, bootstrap: [full.bootstrap()] })
      await connected(full, founder)
    }
  })

  it('lets no burst of newcomers past the limit', async () => {
    const full = await startNode({ maxPeers: 2 })
    await Promise.all(Array.from({ length: 6 }, () => startNode({ bootstrap: [full.bootstrap()] })))
    await until('the places are taken', () => full.network.peers().length === 2)
    await sleep(500)
    assert.equal(full.network.peers().length, 2)
  })
})
