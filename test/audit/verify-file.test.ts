import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Verdict, verifyFile } from '../../audit/verify-file.ts'
import { formatReceiptFile } from '../../client/index.ts'
import { decodeReceipts, verifyReceipts } from '../../client/protocol/receipts.ts'
import { makeReceipts, type Receiptable } from '../../daemon/authority/receipts.ts'
import { verifySignature } from '../../daemon/identity/signing-key.ts'
import { hashBytes, type LogRecord, recordKind } from '../../storage/log/record.ts'
import { putSha256 } from '../../storage/sha256.ts'
import { encodeOutcome } from '../../world/codec.ts'
import {
  foundTown,
  newReplica,
  playTown,
  publish,
  removeTown,
  type Served,
  type Town,
} from './support/log.ts'

describe('what somebody gave you', function () {
  this.timeout(20_000)
  let town: Town
  let records: LogRecord[]
  let served: Served
  let files: { proof: string; checkpoint: string; receipt: string }

  before(async () => {
    town = foundTown()
    records = playTown(town, 300)
    served = await publish(town, records, 2)
    files = {
      proof: (await served.published.proof(77))!,
      checkpoint: (await served.published.checkpoint())!,
      receipt: receiptFile(records),
    }
  })
  after(() => removeTown(town))

  /** A leader's receipts for all inputs, of which one is kept. */
  function receiptFile(of: readonly LogRecord[]): string {
    const replica = newReplica(town)
    const { records, applied, leafHashes } = replica.applyRecords(of.slice(0, 30), [])
    const inputs = records.flatMap((record, leaf) =>
      record.kind === recordKind.input ? [{ record, leaf, outcome: applied[leaf]!.outcome! }] : [],
    )
    const items = inputs.map(
      ({ record, leaf, outcome }): Receiptable => ({
        leaf,
        record,
        hashes: leafHashes,
        hashAt: leaf * hashBytes,
        outcome: encodeOutcome(outcome),
      }),
    )
    const { genesisHash, origin, epoch, view } = town.identity
    const signer = { number: 3, sign: (message: Uint8Array) => town.nodes[2]!.log.sign(message) }
    const batch = { genesisHash, origin, epoch, view, term: 4 }
    const [receipts] = makeReceipts(batch, items, [{ from: 3, to: 4 }], signer)
    const { body } = inputs[3]!.record
    const logKeys = new Map([[3, town.nodes[2]!.log.publicKey]])
    const expected = {
      genesisHash,
      origin,
      bodies: [body],
      logKeys,
      verify: verifySignature,
      putHash: putSha256,
    }
    const verdict = verifyReceipts(decodeReceipts(receipts!)!, expected)
    assert.ok(!(verdict instanceof Promise) && verdict.ok)
    return formatReceiptFile({ receipt: verdict.proven.receipt(0), body })
  }

  async function verify(text: string | Uint8Array, genesis = town.genesisPath): Promise<Verdict> {
    const file = join(town.folder, 'given')
    writeFileSync(file, text)
    const verdict = await verifyFile({ file, genesis })
    assert.ok(verdict.message.split('\n').every(line => line.length <= 80))
    return verdict
  }

  it('is proven offline when it is a proof, and says what of which leaf', async () => {
    const verdict = await verify(files.proof)
    assert.deepEqual([verdict.ok, verdict.kind], [true, 'proof'])
    const { origin, leaf, recordKind, signers } = verdict.facts
    assert.deepEqual([origin, leaf, recordKind, signers], [town.origin, 77, records[77]!.kind, '3'])
  })

  it('is proven when it is a checkpoint, and says who signed it', async () => {
    const verdict = await verify(files.checkpoint)
    assert.deepEqual([verdict.ok, verdict.kind], [true, 'checkpoint'])
    assert.deepEqual([verdict.facts['size'], verdict.facts['signers']], [records.length, '3'])
  })

  it('is proven when it is a receipt, and says what was promised to whom', async () => {
    const verdict = await verify(files.receipt)
    assert.deepEqual([verdict.ok, verdict.kind], [true, 'receipt'])
    const { action, outcome, signer, seq } = verdict.facts
    assert.deepEqual([action, outcome, signer, seq], ['spawn', 'ok', 3, 1])
  })

  for (const kind of ['proof', 'checkpoint', 'receipt'] as const) {
    it(`is not proven when any one bit of a ${kind} differs`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat({ max: 5000 }), fc.nat({ max: 7 }), async (at, bit) => {
          const bytes = Buffer.from(files[kind])
          bytes[at % bytes.length]! ^= 1 << bit
          const verdict = await verify(bytes)
          // How many receipts a batch had is not signed, and nothing is said of it.
          if (kind === 'receipt' && verdict.ok) {
            assert.deepEqual(verdict.facts, (await verify(files.receipt)).facts)
            return
          }
          assert.equal(verdict.ok, false, bytes.toString())
          assert.match(verdict.message, /^NOT proven/)
        }),
        { numRuns: 150 },
      )
    })
  }

  it('is not proven by the genesis file of another network of the same name', async () => {
    const other = foundTown()
    for (const text of Object.values(files)) assert.equal((await verify(text, other.genesisPath)).ok, false)
    removeTown(other)
  })

  it('is not proven when the proof does not say what it is about', async () => {
    const bare = files.proof.replace(/extra .*\n/, '')
    assert.match((await verify(bare)).message, /does not hold the leaf/)
  })

  it('is not proven when it is anything else, and does no harm', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('', 'c2sp.org/tlog-proof@v1\n', 'freehold/receipt-file/1\n', `${town.origin}\n`),
        fc.uint8Array({ maxLength: 300 }),
        async (head, junk) => {
          assert.equal((await verify(Buffer.concat([Buffer.from(head), junk]))).ok, false)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('is refused when it cannot be read', async () => {
    const file = join(town.folder, 'not-there')
    await assert.rejects(verifyFile({ file, genesis: town.genesisPath }), { code: 'unreadable-file' })
    await assert.rejects(verify(Buffer.alloc(2 ** 20 + 1)), { code: 'unreadable-file' })
  })
})
