import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { peerIdOfPublicKey, peerIdOfSeed, publicKeyOfPeerId } from '../../daemon/network/peer-id.ts'
import { connected, sleep, startNode, stopAll, stopNode, until } from './nodes.ts'
import { startProxy, type TcpProxy } from './stranger.ts'

describe('starting and stopping', function () {
  this.timeout(10_000)

  let proxy: TcpProxy | undefined
  afterEach(async () => {
    proxy?.close()
    proxy = undefined
    await stopAll()
  })

  it('says which port is in use and what to do', async () => {
    const a = await startNode()
    const listenAddresses = a.network.listenAddresses()
    const port = Number(listenAddresses[0]?.split('/').at(-1))
    await assert.rejects(
      startNode({ listenAddresses }),
      (error: { code: string; message: string; facts: object }) => {
        assert.equal(error.code, 'port-in-use')
        assert.deepEqual(error.facts, { port })
        assert.match(error.message, new RegExp(`Port ${port} is in use.*another listen port`))
        return true
      },
    )
  })

  it('refuses a listen address that is none', async () => {
    await assert.rejects(startNode({ listenAddresses: ['127.0.0.1:4001'] }), { code: 'bad-address' })
  })

  it('stops within its deadline although a peer hangs and a socket says nothing', async () => {
    const a = await startNode()
    proxy = await startProxy(a.network.listenAddresses()[0] as string)
    const b = await startNode({ bootstrap: [{ peerId: a.network.self, addresses: [proxy.address] }] })
    const options = { maxFrameBytes: 1 << 20, maxChannelsPerPeer: 24 }
    a.network.handle('pipe/1', options, channel => channel.onFrame(() => {}))
    b.network.handle('pipe/1', options, () => {})
    await connected(a, b)
    const opening = Array.from({ length: 24 }, () => b.network.open(a.network.self, 'pipe/1'))
    const channels = await Promise.all(opening)
    const silent = connect(Number(b.network.listenAddresses()[0]?.split('/').at(-1)), '127.0.0.1')
    silent.on('error', () => {})
    proxy.freeze()
    // More than the system's buffers take, so that libp2p waits for the peer to read before it closes.
    for (const channel of channels) for (let i = 0; i < 3; i++) channel.send(randomBytes(1 << 20))
    await sleep(100)
    let reason = ''
    channels[0]?.onClose(why => {
      reason = why
    })
    const startedMs = performance.now()
    await stopNode(b, 100)
    const tookMs = performance.now() - startedMs
    silent.destroy()
    assert.ok(tookMs < 400, `stopping took ${tookMs} ms`)
    assert.ok(b.log.some(line => line.message.includes('did not stop in time')))
    assert.equal(reason, 'this node is stopping')
    await assert.rejects(b.network.open(a.network.self, 'pipe/1'), { code: 'stopped' })
  })

  it('tells the others at once that it has gone', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.bootstrap()] })
    await connected(a, b)
    await stopNode(b)
    await until('a knows', () => a.network.peers().length === 0, 500)
  })

  it('knows peer ids and public keys as two forms of one thing', async () => {
    const seed = randomBytes(32)
    const peer = await peerIdOfSeed(seed)
    const publicKey = publicKeyOfPeerId(peer) as Uint8Array
    assert.equal(peerIdOfPublicKey(publicKey), peer)
    assert.equal(publicKeyOfPeerId('no peer id'), undefined)
  })
})
