import assert from 'node:assert/strict'
import type { FinalAnswer } from '../../daemon/hosting/final-asks.ts'
import { decodeFinalAnswers, encodeFinalRequest, maxBatchAsks } from '../../daemon/routing/final-codec.ts'
import { serveFinals } from '../../daemon/routing/final-server.ts'
import { Askers } from './support/askers.ts'

describe('what other nodes ask to be told once it is final', () => {
  it('has a share for each of them, however much it asks: the rest is told to wait', async () => {
    const open: ((answer: FinalAnswer) => void)[] = []
    const askers = new Askers(decodeFinalAnswers)
    serveFinals({
      network: askers.network,
      schedule: run => queueMicrotask(run),
      numberOf: () => 1,
      local: () =>
        ({
          whenFinal: (_ask: object, _from: number, answer: (given: FinalAnswer) => void) => open.push(answer),
        }) as never,
      count: () => {},
    })
    const asks = Array.from({ length: maxBatchAsks }, () => ({ leaves: [7], soon: false, epoch: 1 }))
    const ask = (peer: string, frames: number): void => {
      const batches = Array.from({ length: frames }, (_, i) => i + 1)
      askers.ask(
        peer,
        batches.map(batch => encodeFinalRequest({ group: 1, batch, asks })),
      )
    }
    ask('greedy', 200)
    ask('modest', 1)
    await Promise.resolve()
    assert.equal(open.length, 1024 + maxBatchAsks)
    assert.deepEqual(askers.told('greedy'), Array(200 * maxBatchAsks - 1024).fill('busy'))
    for (const answer of open.splice(0)) answer({ kind: 'not-yet' })
    ask('greedy', 1)
    assert.equal(open.length, maxBatchAsks)
    await Promise.resolve()
    assert.deepEqual(askers.told('modest'), Array(maxBatchAsks).fill('not-yet'))
  })
})
