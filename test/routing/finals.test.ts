import assert from 'node:assert/strict'
import type { FinalAnswer } from '../../daemon/hosting/final-asks.ts'
import type { Channel, Network } from '../../daemon/ports.ts'
import { decodeFinalAnswers, encodeFinalRequest, maxBatchAsks } from '../../daemon/routing/final-codec.ts'
import { serveFinals } from '../../daemon/routing/final-server.ts'

describe('what other nodes ask to be told once it is final', () => {
  it('has a share for each of them, however much it asks: the rest is told to wait', async () => {
    const open: ((answer: FinalAnswer) => void)[] = []
    const kinds = new Map<string, string[]>([
      ['greedy', []],
      ['modest', []],
    ])
    let accept!: (channel: Channel) => void
    const network = {
      handle: (_name: string, _options: object, each: (channel: Channel) => void) => (accept = each),
    }
    serveFinals({
      network: network as unknown as Network,
      schedule: run => queueMicrotask(run),
      numberOf: () => 1,
      local: () =>
        ({
          whenFinal: (_ask: object, _from: number, answer: (given: FinalAnswer) => void) => open.push(answer),
        }) as never,
      count: () => {},
    })
    const ask = (peer: string, frames: number): void => {
      let frame!: (bytes: Uint8Array) => void
      const send = (bytes: Uint8Array): boolean => {
        for (const { answer } of decodeFinalAnswers(bytes)!.answers) kinds.get(peer)!.push(answer.kind)
        return true
      }
      accept({ peer, send, onFrame: (run: typeof frame) => (frame = run) } as unknown as Channel)
      const asks = Array.from({ length: maxBatchAsks }, () => ({ leaves: [7], soon: false }))
      for (let batch = 1; batch <= frames; batch++) frame(encodeFinalRequest({ group: 1, batch, asks }))
    }
    ask('greedy', 200)
    ask('modest', 1)
    await Promise.resolve()
    assert.equal(open.length, 1024 + maxBatchAsks)
    assert.deepEqual(kinds.get('greedy'), Array(200 * maxBatchAsks - 1024).fill('busy'))
    for (const answer of open.splice(0)) answer({ kind: 'not-yet' })
    ask('greedy', 1)
    assert.equal(open.length, maxBatchAsks)
    await Promise.resolve()
    assert.deepEqual(kinds.get('modest'), Array(maxBatchAsks).fill('not-yet'))
  })
})
