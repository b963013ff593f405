import { verifyReceipt } from '../client/protocol/receipt.ts'
import { parseReceiptFile, type ReceiptFile } from '../client/protocol/receipt-file.ts'
import { decodeInput, decodeOutcome } from '../world/codec.ts'
import { verifyEd25519 } from './crypto.ts'
import type { Genesis } from './genesis.ts'
import { receiptTextsIn, rivalReceipts } from './rival-receipts.ts'
import { describeSigners } from './signers.ts'
import { type Logs, refusal, strangersWord, type Verdict } from './verdict.ts'
import { equalBytes, hex } from './verify/bytes.ts'

/** One saved receipt, or two that their signer can't have given both. */
export async function verifyReceipts(text: string, genesis: Genesis, logs: Logs): Promise<Verdict> {
  const [first, second, ...more] = receiptTextsIn(text).map(parseReceiptFile)
  const verdict = await verifyReceiptFile(first, genesis, logs)
  if (receiptTextsIn(text).length === 1 || !verdict.ok) return verdict
  if (more.length > 0) return refusal('evidence', 'More than two receipts are in one file.')
  const other = await verifyReceiptFile(second, genesis, logs)
  return other.ok ? rivalReceipts(first!, second!) : other
}

/** Verified when it proves what a member has promised. */
async function verifyReceiptFile(
  file: ReceiptFile | undefined,
  genesis: Genesis,
  logs: Logs,
): Promise<Verdict> {
  if (file === undefined) return refusal('receipt', 'The receipt file is malformed.')
  const { receipt, body } = file
  if (!equalBytes(receipt.genesisHash, genesis.hash))
    return refusal('receipt', 'The receipt is of another network.')
  const signers = logs(receipt.origin)
  if (typeof signers === 'string') return refusal('receipt', signers)
  const logKeys = new Map([...genesis.nodes].map(([number, { logKey }]) => [number, logKey]))
  const { origin, leaf, signer, term } = receipt
  const verdict = await verifyReceipt(receipt, {
    genesisHash: genesis.hash,
    origin,
    body,
    logKeys,
    verify: verifyEd25519,
  })
  if (!verdict.ok) return refusal('receipt', receiptFaults[verdict.code])
  if (!signers.has(signer))
    return refusal('receipt', strangersWord(signers, [signer]), { code: 'not-a-member', signer })
  const input = decodeInput(body)
  const outcome = decodeOutcome(receipt.outcome)
  if ('code' in input || outcome === undefined)
    return refusal('receipt', 'Its input or outcome cannot be read.')
  const facts = {
    origin,
    leaf,
    signer,
    epoch: receipt.epoch,
    view: receipt.view,
    term,
    player: hex(input.player),
    seq: input.seq,
    action: input.action.kind,
    outcome: outcome.code,
    tick: outcome.tick,
  }
  return {
    ok: true,
    kind: 'receipt',
    facts,
    message: [
      `Proven: ${describeSigners(signers, [signer])}, promised`,
      `that this input is committed at leaf ${leaf} of ${origin}`,
      `input: ${facts.action}, seq ${facts.seq}, by player`,
      `  ${facts.player}`,
      `outcome: ${facts.outcome}, at tick ${facts.tick}`,
    ].join('\n'),
  }
}

const receiptFaults = {
  malformed: 'The receipt is malformed.',
  'other-network': 'The receipt is of another network.',
  'other-log': 'The receipt is of another log.',
  'not-an-input': 'The receipt is for something else than an input.',
  'unknown-signer': 'The genesis file knows no node that signed it.',
  'wrong-path': 'The receipt is not for this input and outcome.',
  'wrong-signature': 'The signature is wrong.',
} as const
