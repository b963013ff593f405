import assert from 'node:assert/strict'
import { InFlightInputs, inputHeadBytes, type Waiting } from '../../daemon/authority/intake.ts'
import { putU32 } from '../../storage/bytes.ts'

/** The head of an input: of one player, in one session. */
function input(seq: number): Uint8Array {
  const body = new Uint8Array(inputHeadBytes).fill(7)
  putU32(body, 48, seq)
  return body
}

describe('inputs in flight', () => {
  it('are waited for by a few at a time: whoever repeats one without end is told to ask again', () => {
    const inFlight = new InFlightInputs()
    const answers: string[] = []
    const waiting = (index: number): Waiting => ({
      waiter: (at, _count, { kind }) => answers.push(`${kind} ${at}`),
      index,
      session: undefined,
      also: undefined,
    })
    assert.equal(inFlight.join(input(1), waiting(0)), false)
    inFlight.add(input(1), waiting(0))
    for (let index = 1; index < 8; index++) assert.equal(inFlight.join(input(1), waiting(index)), true)
    assert.equal(answers.length, 0)
    for (let index = 8; index < 100; index++) assert.equal(inFlight.join(input(1), waiting(index)), true)
    assert.equal(answers.length, 92)
    assert.ok(answers.every(answer => answer.startsWith('busy')))
    const seen: number[] = []
    for (let each = inFlight.applied(input(1)); each !== undefined; each = each.also) seen.push(each.index)
    assert.deepEqual(seen.sort(), [0, 1, 2, 3, 4, 5, 6, 7])
    assert.equal(inFlight.join(input(1), waiting(9)), false, 'it is not in flight any more')
  })
})
