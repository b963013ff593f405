import type { PbfReader, PbfWriter } from 'pbf'

export interface Receipt {
  genesisHash: Uint8Array | undefined
  origin: string
  epoch: number
  view: number
  term: number
  count: number
  signer: number
  signature: Uint8Array | undefined
  root: Uint8Array | undefined
  leaf: number
  header: Uint8Array | undefined
  salt: Uint8Array | undefined
  outcome: Uint8Array | undefined
  index: number
  path: Uint8Array[]
}

export interface Receipts {
  epoch: number
  view: number
  term: number
  count: number
  signer: number
  signature: Uint8Array | undefined
  header: Uint8Array | undefined
  leaf: number
  index: number
  salts: Uint8Array | undefined
  outcomes: Uint8Array | undefined
  proof: Uint8Array | undefined
}

export function readReceipt(pbf: PbfReader, end?: number): Receipt
export function writeReceipt(receipt: Receipt, pbf: PbfWriter): void
export function readReceipts(pbf: PbfReader, end?: number): Receipts
export function writeReceipts(receipts: Receipts, pbf: PbfWriter): void
