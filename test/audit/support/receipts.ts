import assert from 'node:assert/strict'
import { formatReceiptFile } from '../../../client/index.ts'
import { decodeReceipts, verifyReceipts } from '../../../client/protocol/receipts.ts'
import { makeReceipts, type Receiptable } from '../../../daemon/authority/receipts.ts'
import { verifySignature } from '../../../daemon/identity/signing-key.ts'
import { hashBytes, type LogRecord, recordKind } from '../../../storage/log/record.ts'
import { putSha256 } from '../../../storage/sha256.ts'
import { encodeOutcome } from '../../../world/codec.ts'
import { newReplica, type Town } from './log.ts'

/** A leader's receipts for all inputs, of which one is kept. */
export function receiptFileOf(town: Town, of: readonly LogRecord[], term = 4): string {
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
  const batch = { genesisHash, origin, epoch, view, term }
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
