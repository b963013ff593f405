import assert from 'node:assert/strict'
import type { MessageStream } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { forgiving } from '../../daemon/network/lean-yamux.ts'
import { sleep } from './nodes.ts'

const log = Object.assign(() => {}, { error: () => {}, trace: () => {}, enabled: false, newScope: () => log })

/** A connection that was closed a moment ago, of which its multiplexer has not heard. */
function closedConnection(): { connection: MessageStream; aborted: string[] } {
  const aborted: string[] = []
  const connection = Object.assign(new EventTarget(), {
    ...{ log, direction: 'outbound', writableNeedsDrain: false },
    send: () => {
      throw new Error('Cannot write to a stream that is closed')
    },
    abort: (error: Error) => aborted.push(error.message),
  })
  return { connection: connection as unknown as MessageStream, aborted }
}

describe('the multiplexer', () => {
  it('survives that a stream is opened on a connection which the other side has just closed', async () => {
    const factory = forgiving(yamux({ enableKeepAlive: false }))({} as never)
    const { connection, aborted } = closedConnection()
    const muxer = factory.createStreamMuxer(connection)
    const thrown: unknown[] = []
    const catchIt = (error: unknown) => thrown.push(error)
    const others = process.rawListeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', catchIt)
    try {
      await muxer.createStream()
      await sleep(20)
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of others) process.on('uncaughtException', listener as () => void)
    }
    assert.deepEqual(thrown, [])
    assert.ok(aborted.length > 0)
  })
})
