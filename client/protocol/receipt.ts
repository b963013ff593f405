import { leafHash, verifyInclusion } from '../../audit/verify/merkle.ts'
import { recordLeafHash } from '../../audit/verify/record.ts'
import { decoded, encoded } from './encode.ts'
import { type Receipt as ReceiptMessage, readReceipt, writeReceipt } from './receipt.pb.js'
import { concat, equalBytes, HASH_BYTES, SIGNATURE_BYTES, sizedText, u32, u64 } from './session.ts'

/**
 * The leader's signed promise that one input stands at one leaf with one outcome (design section 2, *committed*).
 * Signed once per batch: the signature covers an RFC 6962 root over the batch's items, each receipt has its path.
 */
export interface Receipt {
  readonly genesisHash: Uint8Array
  readonly origin: string
  readonly epoch: number
  readonly view: number
  readonly term: number
  /** Items in the signed batch: signed too, as a path alone can fit trees of more than one size. */
  readonly count: number
  /** The signing node's number in the genesis file. */
  readonly signer: number
  readonly signature: Uint8Array
  /** RFC 6962 root over the batch's items, 32 bytes: what is signed. */
  readonly root: Uint8Array
  readonly leaf: number
  /** The record's header, 4 bytes, and salt, 16 bytes: with its own body the client makes its leaf again. */
  readonly header: Uint8Array
  readonly salt: Uint8Array
  /** As world/codec encodes it. */
  readonly outcome: Uint8Array
  readonly index: number
  readonly path: readonly Uint8Array[]
}

/** What is the same for a whole batch, and under its signature. */
export interface ReceiptBatch {
  readonly genesisHash: Uint8Array
  readonly origin: string
  readonly epoch: number
  readonly view: number
  readonly term: number
  readonly count: number
}

const MAX_RECEIPT_BYTES = 16_384
export const HEADER_BYTES = 4
export const SALT_BYTES = 16
const LEAF_BYTES = 8
const MAX_PATH = 32
const MAX_FIELDS = 14 + MAX_PATH
const MAX_U32 = 0xffffffff
const RECEIPT_DOMAIN = new TextEncoder().encode('freehold/receipt/1\n')

/** One item of a batch, which is a leaf of the tree that is signed: leaf index u64 ‖ leaf hash 32 ‖ outcome bytes. */
export function receiptItem(leaf: number, recordHash: Uint8Array, outcome: Uint8Array): Uint8Array {
  const item = new Uint8Array(LEAF_BYTES + recordHash.length + outcome.length)
  for (let at = LEAF_BYTES - 1, rest = leaf; at >= 0; at--, rest = Math.floor(rest / 256))
    item[at] = rest % 256
  item.set(recordHash, LEAF_BYTES)
  item.set(outcome, LEAF_BYTES + recordHash.length)
  return item
}

/** What the leader's log key signs. */
export function receiptMessage(batch: ReceiptBatch, root: Uint8Array): Uint8Array {
  return concat([
    RECEIPT_DOMAIN,
    batch.genesisHash,
    sizedText(batch.origin),
    u32(batch.epoch),
    u32(batch.view),
    u64(batch.term),
    u32(batch.count),
    root,
  ])
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  return encoded(writeReceipt, { ...receipt, path: receipt.path as Uint8Array[] })
}

/** Undefined when the bytes are no receipt: from a gateway they may be anything. */
export function decodeReceipt(bytes: Uint8Array): Receipt | undefined {
  if (bytes.length > MAX_RECEIPT_BYTES) return undefined
  const message = decoded(bytes, readReceipt, writeReceipt, MAX_FIELDS)
  return message && checkedReceipt(message)
}

function checkedReceipt(message: ReceiptMessage): Receipt | undefined {
  const { genesisHash, signature, root, header, salt, outcome } = message
  if (genesisHash?.length !== HASH_BYTES || signature?.length !== SIGNATURE_BYTES) return undefined
  if (root?.length !== HASH_BYTES || header?.length !== HEADER_BYTES || salt?.length !== SALT_BYTES)
    return undefined
  if (
    outcome === undefined ||
    message.path.length > MAX_PATH ||
    message.path.some(hash => hash.length !== HASH_BYTES)
  )
    return undefined
  const { epoch, view, term, count, signer, leaf } = message
  const whole = [epoch, view, term, count, signer, leaf, message.index]
  if (!whole.every(value => Number.isSafeInteger(value) && value >= 0)) return undefined
  // They are signed as u32: a larger one would pass for what is left of it.
  if (Math.max(epoch, view, count) > MAX_U32) return undefined
  if (message.index >= message.count) return undefined
  return { ...message, genesisHash, signature, root, header, salt, outcome }
}

/** What somebody who checks a receipt holds already, from the genesis file or from its own input. */
export interface ReceiptExpectation {
  readonly genesisHash: Uint8Array
  /** The log that the input went to. */
  readonly origin: string
  /** The exact bytes that were sent. */
  readonly body: Uint8Array
  /** Ed25519 log keys of the authority's members, by node number. */
  readonly logKeys: ReadonlyMap<number, Uint8Array>
  readonly verify: (
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ) => boolean | Promise<boolean>
}

export type ReceiptFault =
  | 'malformed'
  | 'other-network'
  | 'other-log'
  | 'not-an-input'
  | 'unknown-signer'
  | 'wrong-path'
  | 'wrong-signature'

export type ReceiptVerdict = { readonly ok: true } | { readonly ok: false; readonly code: ReceiptFault }

/** Version and kind of an input record. */
const RECORD_VERSION = 1
const INPUT_KIND = 3

export function isInputHeader(header: Uint8Array): boolean {
  return header[0] === RECORD_VERSION && header[1] === INPUT_KIND
}

/**
 * Whether `receipt` is a member's promise for exactly this body: its leaf is made again from the body, led up to the
 * batch's root, and the root's signature is checked against the member's log key.
 */
export async function verifyReceipt(receipt: Receipt, expected: ReceiptExpectation): Promise<ReceiptVerdict> {
  if (!equalBytes(receipt.genesisHash, expected.genesisHash)) return { ok: false, code: 'other-network' }
  if (receipt.origin !== expected.origin) return { ok: false, code: 'other-log' }
  if (!isInputHeader(receipt.header)) return { ok: false, code: 'not-an-input' }
  const key = expected.logKeys.get(receipt.signer)
  if (key === undefined) return { ok: false, code: 'unknown-signer' }
  const recordHash = recordLeafHash(receipt.header, receipt.salt, expected.body)
  const item = leafHash(receiptItem(receipt.leaf, recordHash, receipt.outcome))
  const { index, count, path, root } = receipt
  if (!verifyInclusion(index, count, item, path, root)) return { ok: false, code: 'wrong-path' }
  const signed = await expected.verify(key, receiptMessage(receipt, root), receipt.signature)
  return signed ? { ok: true } : { ok: false, code: 'wrong-signature' }
}
