import assert from 'node:assert/strict'
import { Carried } from '../../daemon/hosting/finality/carried.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'

const GROUP = 1

function record(kind: LogRecord['kind'], text: string): LogRecord {
  return { kind, rulesVersion: 1, salt: new Uint8Array(16), body: Buffer.from(text) }
}

const inputs = (...texts: string[]): LogRecord[] => texts.map(text => record(recordKind.input, text))

describe('inputs that fell off a log', () => {
  it('are carried from view to view until one has decided two seals, in the order in which they stood', () => {
    const carried = new Carried()
    assert.deepEqual(carried.add(GROUP, 5, inputs('a', 'b')), inputs('a', 'b'))
    assert.deepEqual(carried.add(GROUP, 5, inputs('c')), inputs('a', 'b', 'c'))
    carried.decided(GROUP, 6)
    assert.deepEqual(carried.add(GROUP, 6, []), inputs('a', 'b', 'c'))
    carried.decided(GROUP, 8)
    assert.deepEqual(carried.add(GROUP, 8, inputs('d')), inputs('d'))
    assert.deepEqual(carried.add(2, 8, []), [])
  })

  it('are all that is carried, up to a limit, the oldest first', () => {
    const carried = new Carried()
    const mark = record(recordKind.mark, 'mark')
    assert.deepEqual(carried.add(GROUP, 1, [mark, ...inputs('a')]), inputs('a'))
    const large = { ...inputs('x')[0]!, body: new Uint8Array(20 * 1024 * 1024) }
    assert.equal(carried.add(GROUP, 1, [large, large]).length, 2)
  })
})
