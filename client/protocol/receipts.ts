import { type PutHash, pathInRun, rootOfRun } from './batch-tree.ts'
import { decoded, encoded } from './encode.ts'
import { readReceipts, writeReceipts } from './receipt.pb.js'
import {
  HEADER_BYTES,
  isInputHeader,
  type Receipt,
  type ReceiptExpectation,
  type ReceiptFault,
  receiptMessage,
  SALT_BYTES,
} from './receipt.ts'
import { HASH_BYTES, SIGNATURE_BYTES } from './session.ts'

/**
 * The promises for inputs of one session that stand side by side in a batch, as they travel. What is the same for all of
 * them is there once, and so is each node of the tree: much less to send and to hash than a `Receipt` for each input,
 * which can be made of it (`receiptsFrom`). Network and log are not named: they are signed, and both sides know them.
 */
export interface ReceiptRun {
  readonly epoch: number
  readonly view: number
  readonly term: number
  /** Items in the signed batch. */
  readonly count: number
  readonly signer: number
  readonly signature: Uint8Array
  /** The records' header, 4 bytes. */
  readonly header: Uint8Array
  /** The first record's leaf, and the place of its item in the batch; the others follow. */
  readonly leaf: number
  readonly index: number
  /** 16 bytes each. */
  readonly salts: Uint8Array
  /** As world/codec encodes them, at most 255 bytes each. At least one. */
  readonly outcomes: readonly Uint8Array[]
  /** 32 bytes each (`BatchTree.around`). */
  readonly proof: Uint8Array
}

/** Inputs that one run is about, at most. */
export const MAX_RUN = 1024
export const MAX_RUN_BYTES = 512 * 1024
const MAX_FIELDS = 12
const MAX_ITEMS = 2 ** 24
const MAX_PROOF_BYTES = 64 * HASH_BYTES
const MAX_U32 = 0xffffffff

/** Beginnings of one piece of memory: to make such a view anew each time would cost as much as a hash. */
class Scratch {
  readonly bytes: Uint8Array
  readonly #views: Uint8Array[] = []

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes)
  }

  upTo(length: number): Uint8Array {
    this.#views[length] ??= this.bytes.subarray(0, length)
    return this.#views[length]
  }
}

const LEAF_BYTES = 8
const ITEM_HEAD_BYTES = 1 + LEAF_BYTES + HASH_BYTES
const MAX_OUTCOME_BYTES = 255
const MAX_BODY_BYTES = 8192
/** 0x00 ‖ item */
const item = new Scratch(ITEM_HEAD_BYTES + MAX_OUTCOME_BYTES)
/** 0x00 ‖ header ‖ H(salt ‖ body) */
const record = new Uint8Array(1 + HEADER_BYTES + HASH_BYTES)
const saltedBody = new Scratch(SALT_BYTES + MAX_BODY_BYTES)

/** Writes the RFC 6962 leaf hash of a `receiptItem` whose record's leaf hash stands at `hashAt` of `hashes`. */
export function putItemHash(
  target: Uint8Array,
  at: number,
  facts: { readonly leaf: number; readonly outcome: Uint8Array },
  hashes: Uint8Array,
  hashAt: number,
  putHash: PutHash,
): void {
  const { bytes } = item
  const { leaf, outcome } = facts
  const high = Math.floor(leaf / 2 ** 32)
  for (let i = 0; i < 4; i++) {
    bytes[1 + i] = high >>> (24 - 8 * i)
    bytes[5 + i] = leaf >>> (24 - 8 * i)
  }
  for (let i = 0; i < HASH_BYTES; i++) bytes[1 + LEAF_BYTES + i] = hashes[hashAt + i]!
  bytes.set(outcome, ITEM_HEAD_BYTES)
  putHash(target, at, item.upTo(ITEM_HEAD_BYTES + outcome.length))
}

/** The leaf hashes of the run's items in the signed tree, made from the bodies. */
function itemHashes(run: ReceiptRun, bodies: readonly Uint8Array[], putHash: PutHash): Uint8Array {
  const hashes = new Uint8Array(bodies.length * HASH_BYTES)
  record.set(run.header, 1)
  for (let i = 0; i < bodies.length; i++) {
    const body = bodies[i]!
    for (let b = 0; b < SALT_BYTES; b++) saltedBody.bytes[b] = run.salts[i * SALT_BYTES + b]!
    saltedBody.bytes.set(body, SALT_BYTES)
    putHash(record, 1 + HEADER_BYTES, saltedBody.upTo(SALT_BYTES + body.length))
    const at = i * HASH_BYTES
    putHash(hashes, at, record)
    putItemHash(hashes, at, { leaf: run.leaf + i, outcome: run.outcomes[i]! }, hashes, at, putHash)
  }
  return hashes
}

export function encodeReceipts(run: ReceiptRun): Uint8Array {
  let length = 0
  for (const outcome of run.outcomes) length += 1 + outcome.length
  const outcomes = new Uint8Array(length)
  let at = 0
  for (const outcome of run.outcomes) {
    outcomes[at] = outcome.length
    outcomes.set(outcome, at + 1)
    at += 1 + outcome.length
  }
  return encoded(writeReceipts, { ...run, outcomes, proof: run.proof.length === 0 ? undefined : run.proof })
}

/** Undefined when the bytes are no receipts: from a gateway they may be anything. */
export function decodeReceipts(bytes: Uint8Array): ReceiptRun | undefined {
  if (bytes.length > MAX_RUN_BYTES) return undefined
  const message = decoded(bytes, readReceipts, writeReceipts, MAX_FIELDS)
  return message && checked(message)
}

function checked(message: ReturnType<typeof readReceipts>): ReceiptRun | undefined {
  const { signature, header, salts, outcomes: packed, proof = new Uint8Array(0) } = message
  if (signature?.length !== SIGNATURE_BYTES || header?.length !== HEADER_BYTES) return undefined
  if (
    packed === undefined ||
    message.proof?.length === 0 ||
    proof.length > MAX_PROOF_BYTES ||
    proof.length % HASH_BYTES !== 0
  )
    return undefined
  const outcomes = unpacked(packed)
  if (outcomes === undefined || outcomes.length === 0 || outcomes.length > MAX_RUN) return undefined
  if (salts?.length !== outcomes.length * SALT_BYTES) return undefined
  const { epoch, view, term, count, signer, leaf, index } = message
  const whole = [epoch, view, term, count, signer, leaf + outcomes.length, index]
  if (!whole.every(value => Number.isSafeInteger(value) && value >= 0)) return undefined
  // They are signed as u32: a larger one would pass for what is left of it.
  if (Math.max(epoch, view) > MAX_U32 || count > MAX_ITEMS) return undefined
  if (index + outcomes.length > count) return undefined
  return { ...message, signature, header, salts, outcomes, proof }
}

function unpacked(packed: Uint8Array): Uint8Array[] | undefined {
  const outcomes: Uint8Array[] = []
  for (let at = 0; at < packed.length; ) {
    const end = at + 1 + packed[at]!
    if (end > packed.length) return undefined
    outcomes.push(packed.subarray(at + 1, end))
    at = end
  }
  return outcomes
}

export type ReceiptsExpectation = Omit<ReceiptExpectation, 'body'> & {
  /** The exact bytes that were sent, one for each of the run's inputs. */
  readonly bodies: readonly Uint8Array[]
  readonly putHash: PutHash
}

export type ReceiptsVerdict =
  | { readonly ok: true; readonly proven: ProvenRun }
  | { readonly ok: false; readonly code: ReceiptFault }

/**
 * Whether the run is a member's promise for exactly these bodies, as `verifyReceipt` says it of each of its receipts. An
 * answer at once where `verify` gives one.
 */
export function verifyReceipts(
  run: ReceiptRun,
  expected: ReceiptsExpectation,
): ReceiptsVerdict | Promise<ReceiptsVerdict> {
  const { bodies, logKeys, putHash, genesisHash, origin } = expected
  if (!isInputHeader(run.header)) return { ok: false, code: 'not-an-input' }
  const key = logKeys.get(run.signer)
  if (key === undefined) return { ok: false, code: 'unknown-signer' }
  if (bodies.length !== run.outcomes.length || bodies.some(body => body.length > MAX_BODY_BYTES))
    return { ok: false, code: 'malformed' }
  const leafHashes = itemHashes(run, bodies, putHash)
  const root = rootOfRun({ ...run, leafHashes }, putHash)
  if (root === undefined) return { ok: false, code: 'wrong-path' }
  const proven = new ProvenRun(run, { genesisHash, origin, root, leafHashes, putHash })
  const verdict = (signed: boolean): ReceiptsVerdict =>
    signed ? { ok: true, proven } : { ok: false, code: 'wrong-signature' }
  const signed = expected.verify(key, receiptMessage({ ...run, genesisHash, origin }, root), run.signature)
  return typeof signed === 'boolean' ? verdict(signed) : signed.then(verdict)
}

interface ProvenFacts {
  readonly genesisHash: Uint8Array
  readonly origin: string
  readonly root: Uint8Array
  readonly leafHashes: Uint8Array
  readonly putHash: PutHash
}

/** A run that was verified: each of its receipts can be had by itself, for whoever keeps one. */
export class ProvenRun {
  readonly run: ReceiptRun
  readonly #facts: ProvenFacts

  constructor(run: ReceiptRun, facts: ProvenFacts) {
    this.run = run
    this.#facts = facts
  }

  /** The receipt for the run's `at`-th input, which can be verified by itself. */
  receipt(at: number): Receipt {
    const { genesisHash, origin, root, leafHashes, putHash } = this.#facts
    const { epoch, view, term, count, signer, signature, header, salts, outcomes } = this.run
    const index = this.run.index + at
    return {
      genesisHash,
      origin,
      epoch,
      view,
      term,
      count,
      signer,
      signature,
      root,
      leaf: this.run.leaf + at,
      header,
      salt: salts.subarray(at * SALT_BYTES, (at + 1) * SALT_BYTES),
      outcome: outcomes[at]!,
      index,
      path: pathInRun({ ...this.run, leafHashes }, index, putHash),
    }
  }
}
