import { BatchTree } from '../../client/protocol/batch-tree.ts'
import { type ReceiptBatch, receiptMessage } from '../../client/protocol/receipt.ts'
import { encodeReceipts, MAX_RUN, putItemHash } from '../../client/protocol/receipts.ts'
import { joinBytes } from '../../storage/bytes.ts'
import { hashBytes, type LogRecord, recordHeader } from '../../storage/log/record.ts'
import { putSha256 } from '../../storage/sha256.ts'

/** What a receipt says of one applied input. */
export interface Receiptable {
  readonly leaf: number
  readonly record: LogRecord
  /** Where the record's leaf hash, 32 bytes, stands. */
  readonly hashes: Uint8Array
  readonly hashAt: number
  /** As world/codec encodes it. */
  readonly outcome: Uint8Array
}

export interface ReceiptSigner {
  /** This node's number. */
  readonly number: number
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** Items that travel together: one follows the other in the log, for the same session. */
export interface ReceiptRange {
  readonly from: number
  to: number
}

/** Whether the next item may go along with this one: what is written once for a run is the same for both. */
export function follows(next: Receiptable, item: Receiptable): boolean {
  return next.leaf === item.leaf + 1 && next.record.rulesVersion === item.record.rulesVersion
}

/** The encoded receipts of each range (`decodeReceipts` reads them), all items under one signature. */
export function makeReceipts(
  batch: Omit<ReceiptBatch, 'count'>,
  items: readonly Receiptable[],
  ranges: readonly ReceiptRange[],
  signer: ReceiptSigner,
): Uint8Array[] {
  const leafHashes = new Uint8Array(items.length * hashBytes)
  items.forEach((item, i) => {
    putItemHash(leafHashes, i * hashBytes, item, item.hashes, item.hashAt, putSha256)
  })
  const tree = new BatchTree(leafHashes, putSha256)
  const { epoch, view, term } = batch
  const count = items.length
  const signature = signer.sign(receiptMessage({ ...batch, count }, tree.root))
  const shared = { epoch, view, term, count, signer: signer.number, signature }
  return ranges.map(({ from, to }) => {
    const own = items.slice(from, to)
    const { leaf, record } = own[0]!
    const header = recordHeader(record)
    const salts = joinBytes(own.map(item => item.record.salt))
    const outcomes = own.map(({ outcome }) => outcome)
    return encodeReceipts({
      ...shared,
      header,
      leaf,
      index: from,
      salts,
      outcomes,
      proof: tree.around(from, to),
    })
  })
}

export const maxRange = MAX_RUN
