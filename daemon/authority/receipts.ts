import {
  batchTree,
  encodeReceipts,
  type ReceiptBatch,
  receiptItem,
  receiptMessage,
} from '../../client/protocol/receipt.ts'
import { sha256 } from '../../storage/sha256.ts'

/** What a receipt says of one applied input. */
export interface Receiptable {
  readonly leaf: number
  readonly header: Uint8Array
  readonly salt: Uint8Array
  readonly leafHash: Uint8Array
  /** As world/codec encodes it. */
  readonly outcome: Uint8Array
}

export interface ReceiptSigner {
  /** This node's number. */
  readonly number: number
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** One encoded receipt for each item, all under one signature. */
export function makeReceipts(
  batch: Omit<ReceiptBatch, 'count'>,
  items: readonly Receiptable[],
  signer: ReceiptSigner,
): Uint8Array[] {
  const tree = batchTree(
    items.map(item => receiptItem(item.leaf, item.leafHash, item.outcome)),
    sha256,
  )
  const counted = { ...batch, count: items.length }
  const signature = signer.sign(receiptMessage(counted, tree.root))
  const shared = { ...counted, root: tree.root, signer: signer.number, signature }
  return encodeReceipts(
    shared,
    items.map(({ leaf, header, salt, outcome }, index) => {
      return { leaf, header, salt, outcome, index, path: tree.path(index) }
    }),
  )
}
