import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseReceiptFile, type ReceiptFile } from '../client/protocol/receipt-file.ts'
import { proofOf, proofOfLeaf } from '../client/sdk/proofs.ts'
import { badUsage, SetupError } from '../daemon/config/setup-error.ts'
import { wholeNumber } from './numbers.ts'
import { giveProof, originIn, type ProvingOptions, proveOptions, provingCommand } from './proving.ts'

type Options = ProvingOptions & { readonly authority?: string; readonly leaf?: number }

export function logProveCommand(): Command {
  return provingCommand('prove', 'a proof that a record is final, for anybody and for ever')
    .argument('[RECEIPT]', 'file with the receipt of an action')
    .option('--authority <NAME>', 'instead of a receipt: of which log, as area/0000')
    .option('--leaf <LEAF>', 'and which leaf', wholeNumber(0))
    .action(prove)
}

async function prove(file: string | undefined, options: Options): Promise<void> {
  const { authority, leaf } = options
  if (
    (file === undefined) === (authority === undefined) ||
    (authority === undefined) !== (leaf === undefined)
  )
    throw badUsage('usage', 'Name a file with a receipt, or a leaf with --authority and --leaf.')
  const promise = file === undefined ? undefined : readReceipt(file)
  const proving = proveOptions(options)
  if (promise !== undefined) return giveProof(proofOf(promise, proving), options)
  await giveProof(proofOfLeaf(originIn(proving.trust, authority!), leaf!, proving), options)
}

const maxReceiptBytes = 64 * 1024

function readReceipt(file: string): ReceiptFile {
  let text: Buffer
  try {
    text = readFileSync(file)
  } catch (error) {
    throw new SetupError(
      'unreadable-file',
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    )
  }
  const receipt = text.length > maxReceiptBytes ? undefined : parseReceiptFile(text.toString())
  if (receipt === undefined) throw new SetupError('bad-receipt', `${file} is no receipt.`)
  return receipt
}
