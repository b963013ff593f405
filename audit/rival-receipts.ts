import { RECEIPT_FILE_HEAD, type ReceiptFile } from '../client/protocol/receipt-file.ts'
import { refusal, type Verdict } from './verdict.ts'
import { equalBytes, toBase64 } from './verify/bytes.ts'
import { recordLeafHash } from './verify/record.ts'

/** The saved receipts that stand in a text one after another. */
export function receiptTextsIn(text: string): readonly string[] {
  const head = `${RECEIPT_FILE_HEAD}\n`
  return text
    .split(head)
    .slice(1)
    .map(rest => head + rest)
}

/**
 * Two receipts, each of which its signer gave. They prove a lie when they promise one leaf, in one term, to two inputs or with two
 * outcomes: whoever leads a term appends to one log. What another term or view has at that leaf proves nothing, since what
 * was committed may fall off.
 */
export function rivalReceipts(first: ReceiptFile, second: ReceiptFile): Verdict {
  const [a, b] = [first.receipt, second.receipt]
  const { origin, signer, epoch, view, term, leaf } = a
  const isOnePlace = (['origin', 'signer', 'epoch', 'view', 'term', 'leaf'] as const).every(
    name => a[name] === b[name],
  )
  const [hash, other] = [first, second].map(({ receipt, body }) =>
    recordLeafHash(receipt.header, receipt.salt, body),
  ) as [Uint8Array, Uint8Array]
  const isSame = equalBytes(hash, other) && equalBytes(a.outcome, b.outcome)
  if (!isOnePlace || isSame) return refusal('evidence', 'The two receipts do not contradict each other.')
  return {
    ok: true,
    kind: 'evidence',
    facts: { origin, contradiction: 'rival-receipts', signer, epoch, view, term, leaf },
    message: [
      `Proven: node ${signer} promised one leaf of its log twice.`,
      `Log: ${origin}, epoch ${epoch}`,
      `  leaf ${leaf}, term ${term}, view ${view}:`,
      ...[hash, other].map(each => `    ${toBase64(each)}`),
      ...(equalBytes(hash, other) ? ['  with two outcomes'] : []),
      'No honest node signs both.',
    ].join('\n'),
  }
}
