import assert from 'node:assert/strict'
import { pair, stopAll, stopNode, until } from './nodes.ts'

describe('the traffic of a node', function () {
  this.timeout(20_000)
  afterEach(stopAll)

  it('is what its connections have carried each way, those that ended too', async () => {
    const { a, b, left, right } = await pair()
    const sizeBytes = 1_000_000
    let receivedBytes = 0
    right.onFrame(frame => {
      receivedBytes += frame.length
    })
    left.send(new Uint8Array(sizeBytes))
    await until('it is there', () => receivedBytes === sizeBytes)
    const [sender, receiver] = [b.network.stats().traffic, a.network.stats().traffic]
    for (const bytes of [sender.sentBytes, receiver.receivedBytes])
      assert.ok(bytes > sizeBytes && bytes < 1.1 * sizeBytes, `${bytes}`)
    for (const bytes of [sender.receivedBytes, receiver.sentBytes])
      assert.ok(bytes > 500 && bytes < 0.1 * sizeBytes, `${bytes}`)
    await stopNode(b)
    await until('the connection has ended', () => a.network.stats().peers.length === 0)
    assert.ok(a.network.stats().traffic.receivedBytes >= receiver.receivedBytes)
  })
})
