import { decodeReceipt, encodeReceipt, type Receipt } from './receipt.ts'

/**
 * A promise as a player keeps it: the receipt, and the input that it is for, without which nobody can check it. Three lines of text:
 *
 *   freehold/receipt-file/1
 *   receipt <base64 of the protobuf>
 *   input <base64 of the bytes that were sent>
 */
export interface ReceiptFile {
  readonly receipt: Receipt
  readonly body: Uint8Array
}

export const RECEIPT_FILE_HEAD = 'freehold/receipt-file/1'

export function formatReceiptFile({ receipt, body }: ReceiptFile): string {
  return `${RECEIPT_FILE_HEAD}\nreceipt ${base64(encodeReceipt(receipt))}\ninput ${base64(body)}\n`
}

/** Undefined unless the text is exactly what `formatReceiptFile` makes. */
export function parseReceiptFile(text: string): ReceiptFile | undefined {
  const [, receiptText, bodyText] = /^[^\n]*\nreceipt ([\w+/=]+)\ninput ([\w+/=]+)\n$/.exec(text) ?? []
  const receiptBytes = receiptText === undefined ? undefined : bytesOf(receiptText)
  const body = bodyText === undefined ? undefined : bytesOf(bodyText)
  const receipt = receiptBytes && decodeReceipt(receiptBytes)
  if (receipt === undefined || body === undefined) return undefined
  return formatReceiptFile({ receipt, body }) === text ? { receipt, body } : undefined
}

function base64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

function bytesOf(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), char => char.charCodeAt(0))
  } catch {
    return undefined
  }
}
