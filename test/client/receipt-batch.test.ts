import assert from 'node:assert/strict'
import fc from 'fast-check'
import { encodeReceipt, encodeReceipts } from '../../client/protocol/receipt.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER })

const batchArbitrary = fc.record({
  genesisHash: bytes(32),
  origin: fc.string({ maxLength: 200 }),
  epoch: fc.nat(),
  view: fc.nat(),
  term: whole,
  count: fc.nat(),
  signer: fc.nat(),
  signature: bytes(64),
  root: bytes(32),
})

const partArbitrary = fc.record({
  leaf: whole,
  header: bytes(4),
  salt: bytes(16),
  outcome: fc.uint8Array({ maxLength: 6_000 }),
  index: fc.nat(),
  path: fc.array(bytes(32), { maxLength: 32 }),
})

describe('receipts of one batch', () => {
  it('are the same bytes as each receipt by itself, and none changes with the next', () => {
    const property = fc.property(
      batchArbitrary,
      fc.array(partArbitrary, { maxLength: 5 }),
      (batch, parts) => {
        const together = encodeReceipts(batch, parts)
        assert.deepEqual(
          together.map(receipt => Buffer.from(receipt)),
          parts.map(part => Buffer.from(encodeReceipt({ ...batch, ...part }))),
        )
      },
    )
    fc.assert(property, { numRuns: 200 })
  })
})
