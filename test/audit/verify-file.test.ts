import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { MAX_EVIDENCE_BYTES } from '../../audit/broken-rules.ts'
import type { Verdict } from '../../audit/verdict.ts'
import { verifyFile } from '../../audit/verify-file.ts'
import type { LogRecord } from '../../storage/log/record.ts'
import { foundTown, playTown, publish, removeTown, type Served, type Town } from './support/log.ts'
import { receiptFileOf } from './support/receipts.ts'

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
      receipt: receiptFileOf(town, records),
    }
  })
  after(() => removeTown(town))

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

  it('proves that a leader lied when it is two receipts for one leaf of one term that name two contents', async () => {
    const salted = records.map(record => ({ ...record, salt: record.salt.map(byte => byte ^ 1) }))
    const rival = receiptFileOf(town, salted)
    const verdict = await verify(files.receipt + rival)
    assert.deepEqual([verdict.ok, verdict.kind], [true, 'evidence'])
    assert.deepEqual([verdict.facts['contradiction'], verdict.facts['signer']], ['rival-receipts', 3])
    // What fell off with a term, or a view, was promised honestly.
    const later = receiptFileOf(town, salted, 5)
    for (const honest of [files.receipt, later])
      assert.deepEqual((await verify(files.receipt + honest)).ok, false)
    const forged = rival.replace(/[AB]/, letter => (letter === 'A' ? 'B' : 'A'))
    assert.equal((await verify(files.receipt + forged)).ok, false)
    assert.equal((await verify(files.receipt + rival + rival)).ok, false)
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
    await assert.rejects(verify(Buffer.alloc(MAX_EVIDENCE_BYTES + 1)), { code: 'unreadable-file' })
  })
})
